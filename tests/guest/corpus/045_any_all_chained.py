# search
async def main():
    ok = []
    for path, ops in spec["paths"].items():
        if 3 <= path.count("/") < 5 and any(m in ops for m in ("put", "patch")) and not all(
            o.get("deprecated") for o in ops.values()
        ):
            ok.append(path)
    return ok[:10] or "none"
