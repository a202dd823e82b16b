# execute
async def pages(path, **query):
    page = 1
    while True:
        res = await cloudflare.request("GET", path, query={**query, "page": page})
        yield res["result"]
        if page >= (res.get("result_info") or {}).get("total_pages", 1):
            return
        page += 1

async def main():
    names = []
    async for batch in pages("/zones", per_page=20):
        names += [z["name"] for z in batch]
    first = [r async for b in pages("/accounts") for r in b]
    return {"zones": names, "accounts": len(first)}
