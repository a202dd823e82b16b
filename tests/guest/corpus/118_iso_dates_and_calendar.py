# execute
import calendar
import datetime as dt

async def main():
    now = dt.datetime(2025, 3, 15, 12, 30, tzinfo=dt.timezone.utc)
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    days = calendar.monthrange(now.year, now.month)[1]
    query = {"since": first.strftime("%Y-%m-%dT%H:%M:%SZ"), "until": (first + dt.timedelta(days=days)).isoformat()}
    res = await cloudflare.request("GET", f"/accounts/{account_id}/logs/audit", query=query)
    return {"n": len(res["result"]), **query, "weekday": f"{now:%A}", "ts": int(now.timestamp())}
