# execute
async def main():
    zone_id = (await cloudflare.request("GET", "/zones", query={"name": "example.com"}))["result"][0]["id"]
    body = {
        "type": "A",
        "name": "api.example.com",
        "content": "203.0.113.10",
        "ttl": 3600,
        "proxied": True,
        "comment": "created by agent",
    }
    created = await cloudflare.request("POST", f"/zones/{zone_id}/dns_records", body=body)
    assert created["success"], created["errors"]
    return created["result"]
