# search
import asyncio

async def main():
    return sorted(spec["paths"])[:5]

if __name__ == "__main__":
    asyncio.run(main())
