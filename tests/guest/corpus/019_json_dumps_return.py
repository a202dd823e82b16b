# search
import json

async def main():
    servers = spec.get("servers", [])
    return json.dumps({"servers": servers, "version": spec.get("info", {}).get("version")}, indent=2)
