# execute
import asyncio

async def fetch_all():
    zones, user = await asyncio.gather(
        cloudflare.request("GET", "/zones"),
        cloudflare.request("GET", "/user"),
    )
    return {"zones": len(zones["result"]), "user": user["success"]}

result = asyncio.run(fetch_all())
print(result)
