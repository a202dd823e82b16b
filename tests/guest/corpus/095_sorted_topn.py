# execute
import heapq
from operator import itemgetter

async def main():
    zones = (await cloudflare.request("GET", "/zones"))["result"]
    scripts = (await cloudflare.request("GET", f"/accounts/{account_id}/workers/scripts"))["result"]
    top = heapq.nlargest(3, scripts, key=lambda s: s.get("modified_on", ""))
    zones.sort(key=itemgetter("name"))
    return {"zones": [*map(itemgetter("name"), zones)], "scripts": [s["id"] for s in top]}
