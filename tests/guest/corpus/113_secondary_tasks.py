# execute
import asyncio
from collections import deque

async def main():
    seen: deque[str] = deque(maxlen=3)
    stop = asyncio.Event()

    async def ticker():
        while not stop.is_set():
            seen.append("tick")
            await asyncio.sleep(0.001)

    task = asyncio.create_task(ticker())
    await cloudflare.request("GET", "/zones")
    await asyncio.sleep(0.005)
    stop.set()
    await task
    return len(seen) > 0
