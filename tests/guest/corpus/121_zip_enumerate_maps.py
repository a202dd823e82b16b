# execute
from itertools import batched, pairwise, islice

async def main():
    zones = (await cloudflare.request("GET", "/zones"))["result"]
    names = [z["name"] for z in zones]
    return {
        "pairs": list(pairwise(names)),
        "batches": [list(b) for b in batched(names, 2)],
        "first": list(islice(names, 1)),
        "index": dict(map(reversed, enumerate(names))),
    }
