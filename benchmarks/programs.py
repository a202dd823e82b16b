"""The programs that every peer runs, written as a model would write them for pymode.

A peer that needs other code for the same work keeps it in its own module.
"""

TRIVIAL = "async def main():\n    return 1\n"

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
            if isinstance(operation, dict):
                tags.update(operation.get("tags", []))
    return sorted(tags)
"""

# pymode's document has its references resolved; in the others the code follows them.
SCHEMA = """\
def resolve(schema):
    while "$ref" in schema:
        found = spec
        for key in schema["$ref"][2:].split("/"):
            found = found[key.replace("~1", "/").replace("~0", "~")]
        schema = found
    return schema

def walk(schema, where, depth, names):
    schema = resolve(schema)
    if depth == 8:
        return
    for kind in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(kind, []):
            walk(part, where, depth + 1, names)
    for name, part in schema.get("properties", {}).items():
        names.add(where + name)
        walk(part, where + name + ".", depth + 1, names)
    if "items" in schema:
        walk(schema["items"], where, depth + 1, names)

async def main():
    path = "/zones/{zone_id}/rulesets/phases/{ruleset_phase}/entrypoint"
    body = resolve(spec["paths"][path]["put"]["requestBody"])
    names = set()
    walk(body["content"]["application/json"]["schema"], "", 0, names)
    return sorted(names)
"""

ONE_REQUEST = """\
async def main():
    return len((await api.request("GET", "/zones", query={"page": 1}))["result"])
"""

TWENTY_REQUESTS = """\
import asyncio

async def main():
    replies = await asyncio.gather(
        *(api.request("GET", "/zones", query={"page": page}) for page in range(1, 21))
    )
    return len(replies)
"""

LARGE_ANSWER = """\
async def main():
    reply = await api.request("GET", "/simulator/large", query={"bytes": 10_000_000})
    return len(reply["result"])
"""

ONE_WRITE = """\
async def main():
    return (await api.request("POST", "/simulator/echo", body={"a": 1}))["status"]
"""

ENDLESS = "async def main():\n    while True:\n        pass\n"

HOLDING = """\
import asyncio

async def main():
    len(spec["paths"])
    await asyncio.sleep(2)
"""

PROGRAMS = {
    "search-trivial": TRIVIAL,
    "search-waf": WAF,
    "search-tags": TAGS,
    "search-schema": SCHEMA,
    "execute-trivial": TRIVIAL,
    "execute-one": ONE_REQUEST,
    "execute-twenty": TWENTY_REQUESTS,
    "execute-10mb": LARGE_ANSWER,
    "execute-write": ONE_WRITE,
}


def agrees(program: str, answer: object, pymodes: object) -> bool:
    """Return whether a peer's answer agrees with pymode's."""
    if program == "search-tags" and isinstance(answer, list) and isinstance(pymodes, list):
        # pymode gives operations without a tag one made from their path; the others do not.
        return bool(answer) and set(answer) <= set(pymodes)
    return answer == pymodes
