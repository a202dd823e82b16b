# search
async def main():
    results = []
    for path, methods in spec["paths"].items():
        if "/zones/" in path and ("firewall/waf" in path or "rulesets" in path):
            for method, op in methods.items():
                results.append({"method": method.upper(), "path": path, "summary": op.get("summary")})
    return results
