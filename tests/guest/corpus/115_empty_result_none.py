# execute
async def main():
    res = await cloudflare.request("DELETE", "/zones/abc/dns_records/def")
    if res["result"] is None:
        print("deleted, no content")
        return
    return res["result"]
