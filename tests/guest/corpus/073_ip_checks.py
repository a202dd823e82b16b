# execute
import ipaddress

async def main():
    zone = (await cloudflare.request("GET", "/zones"))["result"][0]
    records = (await cloudflare.request("GET", f"/zones/{zone['id']}/dns_records"))["result"]
    private = []
    for r in records:
        if r["type"] not in {"A", "AAAA"}:
            continue
        try:
            ip = ipaddress.ip_address(r["content"])
        except ValueError:
            print("bad address", r["content"])
            continue
        if ip.is_private or ip in ipaddress.ip_network("203.0.113.0/24"):
            private.append({"name": r["name"], "ip": str(ip), "version": ip.version})
    return private
