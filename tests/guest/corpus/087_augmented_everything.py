# execute
async def main():
    stats = {"n": 0, "by": {}, "names": []}
    class Box: total = 0
    box = Box()
    for z in (await cloudflare.request("GET", "/zones"))["result"]:
        stats["n"] += 1
        stats["by"][z["status"]] = stats["by"].get(z["status"], 0) + 1
        stats["names"] += [z["name"]]
        box.total += len(z["name"])
        stats["by"] |= {"seen": True}
    box.total //= 2; box.total <<= 1; box.total ^= 3; box.total %= 1000
    return stats | {"total": box.total}
