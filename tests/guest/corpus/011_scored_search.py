# search
def score(op, path, words):
    total = 0
    haystack = " ".join([path, op.get("summary") or "", op.get("operationId") or "", *op.get("tags", [])]).lower()
    for word in words:
        if word in haystack:
            total += 2 if word in path else 1
    return total

async def main():
    words = ["firewall", "rule", "create"]
    ranked = []
    for path, methods in spec["paths"].items():
        for method, op in methods.items():
            if s := score(op, path, words):
                ranked.append((s, method.upper(), path, op.get("summary")))
    ranked.sort(key=lambda r: r[0], reverse=True)
    return [dict(zip(("score", "method", "path", "summary"), r)) for r in ranked[:8]]
