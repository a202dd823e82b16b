# execute
async def main():
    zones = (await cloudflare.request("GET", "/zones"))["result"]
    ssl = {z["name"]: (await cloudflare.request("GET", f"/zones/{z['id']}/settings/ssl"))["success"] for z in zones}
    bad = [name for name, ok in ssl.items() if not ok]
    return {"ssl": ssl, "bad": bad, "total": sum([1 async for _ in agen(zones)])}

async def agen(items):
    for item in items:
        yield item
