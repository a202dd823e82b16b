"""The steps of the demo: calls of the two tools, and a check of each answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

ZONES = 57
# Options of the two servers: one with rules and approvals, one as a dry run.
GUARDED = ("--deny", "DELETE /zones/*", "--approve", "POST /zones/*/purge_cache")
DRY = ("--dry-run",)


@dataclass(frozen=True, slots=True)
class Step:
    """One tool call, and the check of its answer.

    Args:
        title: a line for people.
        tool: `search` or `execute`.
        code: the argument of the call.
        holds: takes the answer's text and whether it is an error, and returns whether it shows what
            the title says.
        options: which server is called.
    """

    title: str
    tool: str
    code: str
    holds: Callable[[str, bool], bool]
    options: tuple[str, ...] = GUARDED


def _finds_the_operation(text: str, is_error: bool) -> bool:
    return not is_error and any(
        method == "post" and path.endswith("/dns_records") for method, path, _ in json.loads(text)
    )


def _counts_and_writes(text: str, is_error: bool) -> bool:
    if is_error:
        return False
    value = json.loads(text)
    return bool(value["zones"] == ZONES and value["stored"] == "made by code")


STEPS = (
    Step(
        "search: how are DNS records read and written?",
        "search",
        """\
        async def find():
            return [
                (method, path, op.get("summary"))
                for path, operations in spec["paths"].items()
                for method, op in operations.items()
                if path.endswith("/dns_records")
            ]
        """,
        _finds_the_operation,
    ),
    Step(
        "execute: count all zones, write a record, read it back",
        "execute",
        """\
        import asyncio
        from collections import Counter

        async def page(number):
            query = {"page": number, "per_page": 20}
            return await cloudflare.request("GET", "/zones", query=query)

        async def run():
            first = await page(1)
            numbers = range(2, first["result_info"]["total_pages"] + 1)
            rest = await asyncio.gather(*[page(n) for n in numbers])
            zones = [zone for p in (first, *rest) for zone in p["result"]]

            records = f"/zones/{zones[0]['id']}/dns_records"
            name = f"demo.{zones[0]['name']}"
            text = {"type": "TXT", "name": name, "content": "made by code"}
            await cloudflare.request("POST", records, body=text)
            found = await cloudflare.request("GET", records, {"name": name})
            return {
                "zones": len(zones),
                "by_status": Counter(zone["status"] for zone in zones),
                "stored": found["result"][0]["content"].strip('"'),
            }
        """,
        _counts_and_writes,
    ),
    Step(
        "refuse: a write that a rule of the operator is against",
        "execute",
        """\
        async def run():
            zones = await cloudflare.request("GET", "/zones")
            zone = zones["result"][0]["id"]
            await cloudflare.request("DELETE", f"/zones/{zone}")
        """,
        lambda text, is_error: is_error and "denied by the rule" in text,
    ),
    Step(
        "approve: a write for which a person is asked",
        "execute",
        """\
        async def run():
            zones = await cloudflare.request("GET", "/zones")
            purge = f"/zones/{zones['result'][0]['id']}/purge_cache"
            reply = await cloudflare.request("POST", purge, body={"purge_everything": True})
            return {"purged": reply["success"]}
        """,
        lambda text, is_error: not is_error and json.loads(text) == {"purged": True},
    ),
    Step(
        "dry run: what would be written, and nothing is",
        "execute",
        """\
        async def run():
            zones = await cloudflare.request("GET", "/zones", query={"status": "pending"})
            for zone in zones["result"]:
                await cloudflare.request("DELETE", f"/zones/{zone['id']}")
            return len(zones["result"])
        """,
        lambda text, is_error: not is_error and "dry run, not sent: DELETE /zones/" in text,
        DRY,
    ),
    Step(
        "stop: a loop without an end",
        "execute",
        """\
        async def run():
            while True:
                pass
        """,
        lambda text, is_error: is_error and "instructions" in text,
    ),
    Step(
        "search again: the next call, in a fresh sandbox",
        "search",
        """\
        async def count():
            return sum(len(operations) for operations in spec["paths"].values())
        """,
        lambda text, is_error: not is_error and int(text) > 0,
    ),
)
