# execute
from datetime import date, timedelta

QUERY = """
query Requests($zone: String!, $since: Date!, $until: Date!) {
  viewer {
    zones(filter: {zoneTag: $zone}) {
      httpRequests1dGroups(limit: 7, filter: {date_geq: $since, date_lt: $until}) {
        dimensions { date }
        sum { requests bytes }
      }
    }
  }
}
"""

async def main():
    today = date.today()
    variables = {"zone": "023e105f4ecef8ad9ca31a8372d0c353", "since": str(today - timedelta(days=7)), "until": str(today)}
    res = await cloudflare.request("POST", "/graphql", body={"query": QUERY, "variables": variables})
    if not res["success"]:
        return {"errors": res["errors"]}
    zones = (res["result"].get("viewer") or {}).get("zones", []) if isinstance(res["result"], dict) else []
    return [g["sum"]["requests"] for z in zones for g in z["httpRequests1dGroups"]]
