# search
async def main():
    required = {}
    for path, ops in spec["paths"].items():
        for method, op in ops.items():
            names = [p["name"] for p in op.get("parameters", []) if p.get("required") and p.get("in") == "query"]
            if names:
                required[f"{method.upper()} {path}"] = names
    return required
