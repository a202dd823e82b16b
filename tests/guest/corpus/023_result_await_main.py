# search
async def find(term):
    return [p for p in spec["paths"] if term in p.lower()]

result = await find("queues")
result
