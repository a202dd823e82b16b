# execute
async def main():
    res = await cloudflare.request(
        method="GET",
        path=f"/accounts/{account_id}/workers/scripts",
    )
    return {"success": res["success"], "scripts": [s["id"] for s in res["result"]]}
