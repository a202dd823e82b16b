# search
async def main():
    index = {}
    for path, ops in spec["paths"].items():
        for op in ops.values():
            for tag in op.get("tags", []):
                index.setdefault(tag, []).append(path)
    for tag in [t for t, paths in index.items() if len(paths) < 2]:
        del index[tag]
    return {t: sorted(set(p))[:3] for t, p in index.items()}
