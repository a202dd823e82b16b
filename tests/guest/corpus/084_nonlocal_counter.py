# execute
import asyncio

async def main():
    done = 0
    errors = []

    async def step(i):
        nonlocal done
        try:
            await cloudflare.request("GET", f"/zones/{i}")
        except Exception as e:
            errors.append(str(e))
        else:
            done += 1

    await asyncio.gather(*[step(i) for i in range(4)])
    return {"done": done, "errors": errors}
