# execute
import asyncio

async def main():
    zones = (await cloudflare.request("GET", "/zones"))["result"]
    responses = await asyncio.gather(
        *(cloudflare.request("GET", f"/zones/{z['id']}/dns_records") for z in zones)
    )
    return {z["name"]: len(r["result"]) for z, r in zip(zones, responses, strict=True)}
