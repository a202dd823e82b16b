# execute
from datetime import datetime, timedelta, timezone

async def main():
    cutoff = datetime.now(timezone.utc) - timedelta(days=90)
    zone = (await cloudflare.request("GET", "/zones"))["result"][0]
    records = (await cloudflare.request("GET", f"/zones/{zone['id']}/dns_records"))["result"]
    stale = [
        r for r in records
        if r["name"].startswith("preview-")
        and datetime.fromisoformat(r["modified_on"].replace("Z", "+00:00")) < cutoff
    ]
    for r in stale:
        await cloudflare.request("DELETE", f"/zones/{zone['id']}/dns_records/{r['id']}")
    return {"deleted": [r["name"] for r in stale], "cutoff": cutoff.isoformat()}
