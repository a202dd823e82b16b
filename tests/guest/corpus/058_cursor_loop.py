# execute
async def main():
    cursor, keys = None, []
    ns = "0f2ac74b498b48028cb68387c421e279"
    for _ in range(20):
        query = {"limit": 1000, "cursor": cursor}
        res = await cloudflare.request("GET", f"/accounts/{account_id}/storage/kv/namespaces/{ns}/keys", query=query)
        keys.extend(k["name"] for k in res["result"])
        cursor = (res.get("result_info") or {}).get("cursor")
        if not cursor:
            break
    return keys
