# execute
async def get_zone_id(name):
    res = await cloudflare.request("GET", "/zones", query={"name": name})
    return res["result"][0]["id"] if res["result"] else None

async def list_rulesets():
    zone_id = await get_zone_id("example.com")
    if zone_id is None:
        return "no such zone"
    res = await cloudflare.request("GET", f"/zones/{zone_id}/rulesets")
    return [(r["id"], r.get("phase")) for r in res["result"]]
