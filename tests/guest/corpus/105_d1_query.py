# execute
async def main():
    db = "1f9e3c7a"
    sql = "SELECT name, count(*) AS n FROM users WHERE created > ? GROUP BY name ORDER BY n DESC LIMIT 5"
    res = await cloudflare.request(
        "POST",
        f"/accounts/{account_id}/d1/database/{db}/query",
        body={"sql": sql, "params": ["2025-01-01"]},
    )
    return [row for block in res["result"] for row in block.get("results", [])]
