# execute
calls = 0

async def get(path):
    global calls
    calls += 1
    return await cloudflare.request("GET", path)

async def main():
    for path in ("/zones", "/user", "/accounts"):
        await get(path)
    return calls
