# execute
async def main():
    ns = (await cloudflare.request("GET", f"/accounts/{account_id}/storage/kv/namespaces"))["result"][0]["id"]
    path = f"/accounts/{account_id}/storage/kv/namespaces/{ns}/values/greeting"
    await cloudflare.request("PUT", path, body="hello", content_type="text/plain", raw_body=True)
    value = await cloudflare.request("GET", path)
    return {"stored": value["result"]}
