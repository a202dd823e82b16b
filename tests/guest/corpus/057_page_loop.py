# execute
async def main():
    page, records = 1, []
    while True:
        res = await cloudflare.request("GET", "/zones", query={"page": page, "per_page": 100})
        records += res["result"]
        info = res.get("result_info") or {}
        if page >= info.get("total_pages", 1):
            break
        page += 1
    return {"total": len(records), "names": sorted(r["name"] for r in records)}
