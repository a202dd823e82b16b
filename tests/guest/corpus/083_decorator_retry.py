# execute
import asyncio
import functools

def retry(times: int = 3, exceptions: tuple[type[BaseException], ...] = (Exception,)):
    def decorator(func):
        @functools.wraps(func)
        async def wrapper(*args, **kwargs):
            last = None
            for i in range(times):
                try:
                    return await func(*args, **kwargs)
                except exceptions as e:
                    last = e
                    await asyncio.sleep(0)
            raise RuntimeError(f"{func.__name__} failed after {times} attempts") from last
        return wrapper
    return decorator

@retry(times=2)
async def get_zone(name):
    return (await cloudflare.request("GET", "/zones", query={"name": name}))["result"][0]

async def main():
    zone = await get_zone("example.com")
    return zone["id"]
