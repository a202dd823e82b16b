# search
async def main():
    def walk(schema, depth=0):
        if depth > 3 or not isinstance(schema, dict):
            return "..."
        kind = schema.get("type")
        if kind == "object" or "properties" in schema:
            return {k: walk(v, depth + 1) for k, v in schema.get("properties", {}).items()}
        if kind == "array":
            return [walk(schema.get("items", {}), depth + 1)]
        for key in ("allOf", "oneOf", "anyOf"):
            if key in schema:
                return {key: [walk(s, depth + 1) for s in schema[key][:3]]}
        return kind or "any"

    out = {}
    for path, ops in spec["paths"].items():
        if path.endswith("/dns_records") and "post" in ops:
            body = ops["post"].get("requestBody", {})
            for ctype, media in body.get("content", {}).items():
                out[ctype] = walk(media.get("schema", {}))
    return out
