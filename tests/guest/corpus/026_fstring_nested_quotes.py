# search
async def main():
    rows = []
    for path, ops in list(spec["paths"].items())[:20]:
        for method, op in ops.items():
            rows.append(f"{method.upper():>7} {path} - {op.get("summary", "no summary")!r:.60}")
            rows.append(f"tags: {", ".join(f"{t.lower()}" for t in op.get("tags", []))}")
    return "\n".join(rows)
