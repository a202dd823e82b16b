# search
def main():
    for path, ops in spec["paths"].items():
        if "ai/run" in path:
            yield from ({"path": path, "method": m} for m in ops)
