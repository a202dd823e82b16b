# execute
import re

RULE = re.compile(
    r"""
    ^(?P<team>[a-z]+)   # team
    -(?P<app>[a-z0-9-]+)$
    """,
    re.VERBOSE,
)

async def main():
    scripts = (await cloudflare.request("GET", f"/accounts/{account_id}/workers/scripts"))["result"]
    return [
        {**m.groupdict(), "id": s["id"]} if (m := RULE.match(s["id"])) else {"id": s["id"], "team": None}
        for s in scripts
    ]
