# search
async def main():
    for path, methods in spec["paths"].items():
        if "stream" in path:
            yield {"path": path, "methods": [*methods]}
