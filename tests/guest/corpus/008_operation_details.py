# search
async def main():
    op = spec["paths"]["/zones/{zone_id}/dns_records"]["post"]
    params = [
        {"name": p["name"], "in": p["in"], "required": p.get("required", False)}
        for p in op.get("parameters", [])
    ]
    schema = (
        op.get("requestBody", {})
        .get("content", {})
        .get("application/json", {})
        .get("schema", {})
    )
    return {"params": params, "body_keys": list(schema.get("properties", {}).keys())}
