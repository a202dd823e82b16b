# execute
async def upsert(zone_id: str, name: str, content: str, *, type: str = "TXT", ttl: int = 1) -> dict:
    existing = await cloudflare.request(
        "GET", f"/zones/{zone_id}/dns_records", query={"name": name, "type": type}
    )
    payload = dict(name=name, content=content, type=type, ttl=ttl)
    if existing["result"]:
        record = existing["result"][0]
        if record.get("content") == content:
            return {"action": "unchanged", "id": record["id"]}
        res = await cloudflare.request("PUT", f"/zones/{zone_id}/dns_records/{record['id']}", body=payload)
        return {"action": "updated", "id": res["result"]["id"] if isinstance(res["result"], dict) else record["id"]}
    res = await cloudflare.request("POST", f"/zones/{zone_id}/dns_records", body=payload)
    return {"action": "created", **({"id": res["result"]["id"]} if isinstance(res["result"], dict) else {})}

async def main():
    zones = await cloudflare.request("GET", "/zones")
    return [await upsert(z["id"], f"_verify.{z['name']}", "token=abc") for z in zones["result"]]
