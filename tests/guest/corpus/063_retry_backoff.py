# execute
import asyncio
import random

async def with_retry(fn, *args, attempts=4, base=0.01, **kwargs):
    for attempt in range(1, attempts + 1):
        try:
            return await fn(*args, **kwargs)
        except CloudflareError as exc:
            if exc.status not in (429, 500, 502, 503) or attempt == attempts:
                raise
            delay = base * 2 ** (attempt - 1) + random.uniform(0, base)
            print(f"attempt {attempt} failed with {exc.status}; sleeping {delay:.2f}s")
            await asyncio.sleep(delay)

async def main():
    res = await with_retry(cloudflare.request, "GET", "/zones", query={"per_page": 5})
    return [z["name"] for z in res["result"]]
