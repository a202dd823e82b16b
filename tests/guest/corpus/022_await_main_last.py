# search
async def main():
    return len(spec["paths"])

await main()
