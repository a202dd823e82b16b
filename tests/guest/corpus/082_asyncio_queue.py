# execute
import asyncio

async def worker(queue, results):
    while True:
        zone_id = await queue.get()
        try:
            res = await cloudflare.request("GET", f"/zones/{zone_id}/settings/ssl")
            results[zone_id] = res["success"]
        finally:
            queue.task_done()

async def main():
    queue: asyncio.Queue[str] = asyncio.Queue()
    results: dict[str, bool] = {}
    zones = await cloudflare.request("GET", "/zones", {"per_page": 6})
    for zone in zones["result"]:
        queue.put_nowait(zone["id"])
    workers = [asyncio.create_task(worker(queue, results)) for _ in range(3)]
    await queue.join()
    for w in workers:
        w.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    return results
