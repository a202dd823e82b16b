# search 3.14
async def main():
    count = len(spec["paths"])
    parts = t"there are {count} paths"
    return [part if isinstance(part, str) else part.value for part in parts]
