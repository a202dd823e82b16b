# search
def main():
    seen = set()
    for p, ops in spec["paths"].items():
        for o in ops.values():
            seen |= {r for r in o.get("responses", {})}
    return sorted(map(str, seen))

main()
