# search
hits = []
for path, item in spec["paths"].items():
    for method, op in item.items():
        text = f"{path} {op.get('summary', '')} {op.get('description', '')}".lower()
        if "purge" in text and "cache" in text:
            hits.append((method, path, op["operationId"]))
return hits[:10]
