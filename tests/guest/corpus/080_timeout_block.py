# execute
import asyncio

async def main():
    try:
        async with asyncio.timeout(5):
            zones = await cloudflare.request("GET", "/zones")
    except TimeoutError:
        return "timed out"
    user = await asyncio.wait_for(cloudflare.request("GET", "/user"), timeout=5)
    return len(zones["result"]), user["success"]
