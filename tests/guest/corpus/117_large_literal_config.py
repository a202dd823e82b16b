# execute
CONFIG = {
    "pools": [
        {"name": f"pool-{region}", "origins": [{"address": f"192.0.2.{i}", "weight": 1 / (i + 1)} for i in range(3)]}
        for region in ("weur", "enam", "apac")
    ],
    "steering": {"policy": "geo", "fallback": None, "sticky": False},
    "rules": [
        ("/api/*", ["weur", "enam"]),
        ("/static/*", []),
    ],
}

async def main():
    created = []
    for pool in CONFIG["pools"]:
        res = await cloudflare.request("POST", f"/accounts/{account_id}/load_balancers/pools", body=pool)
        created.append((pool["name"], res["status"], sum(o["weight"] for o in pool["origins"]) > 1))
    return dict(created=created, rules={pattern: regions for pattern, regions in CONFIG["rules"]})
