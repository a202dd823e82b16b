# execute
import csv
import io

async def main():
    zones = (await cloudflare.request("GET", "/zones"))["result"]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=["name", "id", "plan"], extrasaction="ignore")
    writer.writeheader()
    for z in zones:
        writer.writerow({"name": z["name"], "id": z["id"], "plan": z.get("plan", {}).get("name", "free")})
    return buffer.getvalue()
