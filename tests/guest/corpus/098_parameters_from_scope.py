# execute
async def run(cloudflare, account_id, limit=5):
    res = await cloudflare.request("GET", f"/accounts/{account_id}/queues")
    return res["result"][:limit]
