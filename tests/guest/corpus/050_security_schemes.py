# search
async def main():
    comps = spec.get("components") or {}
    schemes = comps.get("securitySchemes", {})
    return {
        name: {k: v for k, v in scheme.items() if k != "description"}
        for name, scheme in schemes.items()
    } or {"security": spec.get("security")}
