# execute
async def main():
    zones = await cloudflare.request("GET", "/zones", query={"name": "example.com"})
    zone_id = zones["result"][0]["id"]
    files = [f"https://example.com/{name}" for name in ("index.html", "app.js", "style.css")]
    chunks = [files[i:i + 30] for i in range(0, len(files), 30)]
    done = []
    for chunk in chunks:
        res = await cloudflare.request("POST", f"/zones/{zone_id}/purge_cache", body={"files": chunk})
        done.append(res["success"])
    return all(done)
