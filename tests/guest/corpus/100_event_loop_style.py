# execute
import asyncio

async def main():
    return (await cloudflare.request("GET", "/user"))["success"]

if __name__ == "__main__":
    loop = asyncio.get_event_loop()
    outcome = loop.run_until_complete(main())
    print("outcome:", outcome)
