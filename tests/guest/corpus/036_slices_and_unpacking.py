# search
async def main():
    first, second, *rest = sorted(spec["paths"])
    head, *_, tail = rest or ["-"]
    every_tenth = rest[::10]
    return {"first": first, "second": second, "head": head, "tail": tail, "sample": every_tenth[:5], "n": len(rest)}
