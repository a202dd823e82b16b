# search
import asyncio
import json

async def main():
    return [p for p in spec["paths"] if "user/tokens" in p]

print(json.dumps(asyncio.run(main()), indent=2))
