# execute
import asyncio

async def main():
    ids = ["a1", "b2", "c3"]
    results = await asyncio.gather(
        *[cloudflare.request("GET", f"/zones/{i}") for i in ids], return_exceptions=True
    )
    out = {}
    for i, r in zip(ids, results):
        out[i] = {"error": repr(r)} if isinstance(r, Exception) else r["result"]
    return out
