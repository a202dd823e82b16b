# execute
import copy

async def main():
    zone = (await cloudflare.request("GET", "/zones"))["result"][0]
    path = f"/zones/{zone['id']}/rulesets/phases/http_request_firewall_custom/entrypoint"
    entry = (await cloudflare.request("GET", path))["result"]
    before = entry[0] if isinstance(entry, list) else entry
    after = copy.deepcopy(before)
    rules = after.setdefault("rules", [])
    rules.insert(0, {
        "action": "block",
        "expression": '(ip.src in {192.0.2.0/24} and not http.request.uri.path contains "/health")',
        "description": "block test range",
        "enabled": True,
    })
    changed = before.get("rules", []) != after["rules"]
    if changed:
        await cloudflare.request("PUT", path, body={"rules": rules})
    return {"changed": changed, "rules": len(rules)}
