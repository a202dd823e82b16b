# execute
zones = (await cloudflare.request("GET", "/zones"))["result"]
zone = next((z for z in zones if z["name"] == "example.com"), zones[0])
return await cloudflare.request("GET", f"/zones/{zone['id']}/dns_records", query={"type": "A"})
