# search
    async def main():
        paths = spec["paths"]
        return [p for p in paths if "workers/domains" in p]
