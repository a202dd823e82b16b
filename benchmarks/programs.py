"""The code that the benchmarks run, as a model would write it."""

TRIVIAL = "async def main():\n    return 1"

# The example of Cloudflare's documentation: WAF and ruleset operations of a zone.
WAF = """\
async def main():
    found = []
    for path, methods in spec["paths"].items():
        if "/zones/" in path and ("firewall/waf" in path or "rulesets" in path):
            for method, operation in methods.items():
                found.append(
                    {"method": method.upper(), "path": path, "summary": operation.get("summary")}
                )
    return found
"""

TAGS = """\
async def main():
    tags = set()
    for methods in spec["paths"].values():
        for operation in methods.values():
            tags.update(operation.get("tags", []))
    return sorted(tags)
"""

TWENTY_REQUESTS = """\
import asyncio

async def main():
    replies = await asyncio.gather(
        *(api.request("GET", "/zones", query={"page": page}) for page in range(1, 21))
    )
    return len(replies)
"""

ONE_WRITE = """\
async def main():
    return (await api.request("POST", "/simulator/echo", body={"a": 1}))["status"]
"""

ENDLESS = "async def main():\n    while True:\n        pass"

SEARCHES = {"trivial": TRIVIAL, "WAF search": WAF, "all tags": TAGS}
