# search
import itertools

async def main():
    ops = itertools.chain.from_iterable(
        ((p, m, o) for m, o in methods.items()) for p, methods in spec["paths"].items()
    )
    by_tag = sorted(ops, key=lambda t: (t[2].get("tags") or ["-"])[0])
    return {
        tag: len(list(group))
        for tag, group in itertools.groupby(by_tag, key=lambda t: (t[2].get("tags") or ["-"])[0])
    }
