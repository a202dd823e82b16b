"""Calls that are run before the snapshot is made, so that no call is the first of its kind.

They fill the caches of the interpreter and of the standard library, and they let the interpreter
specialise its own instructions and those of the policy for what models write: without them a
trivial call needs half as many instructions again, and writes to a third more pages.
"""

from __future__ import annotations

import json
from typing import Final

# Often enough for the interpreter to specialise what runs once or twice in a call. Searches run
# each line of their own often enough in one.
SEARCH_ROUNDS: Final = 2
CALL_ROUNDS: Final = 12

SEARCHES: Final = (
    """
async def rehearse():
    return [
        {"method": method.upper(), "path": path, "summary": operation.get("summary")}
        for path, methods in spec["paths"].items()
        for method, operation in methods.items()
        if "/rehearse/" in path or "rehearse" in operation.get("tags", ())
    ]
""",
    """
async def rehearse():
    results = []
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            if any("rehearse" in tag.lower() for tag in operation.get("tags", [])):
                results.append(f"{method.upper()} {path}: {operation.get('summary', '')}")
    return results
""",
    """
counts = {}
for path, methods in spec["paths"].items():
    for operation in methods.values():
        for tag in operation.get("tags") or ["untagged"]:
            counts[tag] = counts.get(tag, 0) + 1
return dict(sorted(counts.items(), key=lambda pair: -pair[1])[:10])
""",
    """
from collections import Counter
import re

async def main():
    pattern = re.compile(r"rehearse", re.IGNORECASE)
    found = [path for path in spec["paths"] if pattern.search(path)]
    print(len(found))
    return {"count": len(spec["paths"]), "found": found[:5], "tags": Counter(found).most_common(3)}
""",
)
"""For one document; with several, nobody knows which one the next call searches."""

CALLS: Final = (
    "return undefined_name",
    "import os\nreturn os.environ",
    "return 1 +",
    "return 1",
    """
async def main():
    return {"a": 1, "b": [1.5, None, True], "c": "text"}
""",
    """
result = await rehearsal.request("GET", "/items", query={"page": 1})
return [item["id"] for item in result["result"]]
""",
    """
import asyncio

async def main():
    async def one(number):
        answer = await rehearsal.request(method="POST", path=f"/items/{number}", body={"a": number})
        return answer["status"]

    return await asyncio.gather(*(one(number) for number in range(3)))
""",
    """
try:
    await rehearsal.request("DELETE", "/refused")
except RehearsalError as error:
    return {"status": error.status, "text": str(error)}
""",
    """
async def main():
    items = []
    async for item in rehearsal.pages("/items"):
        items.append(item)
    return items
""",
)

LIMITS: Final = {
    "host_calls": 10,
    "host_calls_in_flight": 4,
    "result_bytes": 100_000,
    "printed_chars": 1000,
}


def write_requests(documents: int) -> list[str]:
    """Return the requests of all rehearsals, in the form in which calls come.

    Args:
        documents: how many are loaded.
    """
    searches = SEARCHES * SEARCH_ROUNDS if documents == 1 else ()
    shared = {
        "specs": [f"spec_{number}" for number in range(documents)],
        "tools": {},
        "absent": [],
        "on_demand": [],
        "account_id": None,
        "limits": LIMITS,
        "apis": ["rehearsal"],
    }
    codes = (*searches, *CALLS * CALL_ROUNDS)
    return [json.dumps({"code": code} | shared) for code in codes]
