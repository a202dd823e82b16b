# search
async def main():
    print("paths:", len(spec["paths"]))
    print("info:", spec.get("info", {}).get("title"), sep=" ")
    for i, path in enumerate(spec["paths"]):
        if i >= 3:
            break
        print(f"{i=} {path!r}")
    return None
