# execute
calls: int = 0

async def get(path):
    global calls
    calls += 1
    return await cloudflare.request("GET", path)

await get("/zones")
await get("/user")
calls
