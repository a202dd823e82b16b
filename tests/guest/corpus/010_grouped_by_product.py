# search
from collections import defaultdict

async def main():
    groups: dict[str, list[str]] = defaultdict(list)
    for path, methods in spec["paths"].items():
        parts = path.strip("/").split("/")
        product = parts[2] if len(parts) > 2 else parts[0]
        groups[product].extend(f"{m.upper()} {path}" for m in methods)
    return {k: len(v) for k, v in sorted(groups.items(), key=lambda kv: -len(kv[1]))[:15]}
