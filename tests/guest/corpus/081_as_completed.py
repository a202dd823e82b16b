# execute
import asyncio

async def main():
    paths = ["/zones", "/accounts", "/user"]
    done = []
    for finished in asyncio.as_completed([cloudflare.request("GET", p) for p in paths]):
        res = await finished
        done.append(res["status"])
    return done
