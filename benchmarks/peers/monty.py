"""FastMCP's CodeMode with Monty, behind a real client in the same process.

Its search takes a query, not code. So three programs are replaced by what comes closest: the BM25
search, the list of tags and the schema of one tool. `dereference_schemas` is on by default and
resolves every schema for each listing, and each search and each request lists all tools; so it is
measured with and without.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2

from benchmarks.peers.peer import TOKEN

if TYPE_CHECKING:
    from fastmcp import Client

EXECUTE = {
    "execute-trivial": "return 1",
    "execute-one": """\
reply = await call_tool("zones_get", {"page": 1})
return len(reply["result"]["result"])
""",
    "execute-twenty": """\
import asyncio
replies = await asyncio.gather(*[call_tool("zones_get", {"page": p}) for p in range(1, 21)])
return len(replies)
""",
    "execute-10mb": """\
reply = await call_tool("simulator_large", {"bytes": 10_000_000})
return len(reply["result"])
""",
}
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "search-waf": ("search", {"query": "zone WAF firewall rulesets"}),
    "search-tags": ("tags", {}),
    "search-schema": ("get_schema", {"tools": ["updateZoneEntrypointRuleset"], "detail": "full"}),
    **{program: ("execute", {"code": code}) for program, code in EXECUTE.items()},
}
# Its code can only call operations of the document, so this one is added for the large answer.
LARGE = {
    "operationId": "simulator_large",
    "parameters": [{"name": "bytes", "in": "query", "schema": {"type": "integer"}}],
    "responses": {"200": {"description": "text of so many bytes"}},
}
CANNOT = {"search-trivial": "its search takes a query, not code"}
SLOW = "left out for time: it lists all tools once more for each request, as in execute-one"


def read(document: Path) -> dict[str, Any]:
    data = json.loads(document.read_text())
    data["paths"]["/simulator/large"] = {"get": LARGE}
    return data


class Connected:
    def __init__(self, client: Client[Any]) -> None:
        self._client = client

    async def run(self, program: str) -> object:
        tool, arguments = CALLS[program]
        text = (await self._client.call_tool(tool, arguments)).content[0].text
        if text.startswith("Tools not found"):
            raise LookupError(text)
        return json.loads(text) if tool == "execute" else text


@dataclass(frozen=True)
class Monty:
    """FastMCP CodeMode."""

    name: str
    title: str
    dereference_schemas: bool
    cannot: Mapping[str, str]
    requires: tuple[str, ...] = ("fastmcp", "pydantic-monty")
    by_query: frozenset[str] = field(
        default=frozenset({"search-waf", "search-tags", "search-schema"})
    )

    @asynccontextmanager
    async def open(
        self, document: Path, base_url: str, workers: int = 1
    ) -> AsyncIterator[Connected]:
        from fastmcp import Client, FastMCP
        from fastmcp.experimental.transforms.code_mode import CodeMode, GetSchemas, GetTags, Search

        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx2.AsyncClient(base_url=base_url, headers=headers, timeout=30) as api:
            server = FastMCP.from_openapi(
                read(document), client=api, dereference_schemas=self.dereference_schemas
            )
            server.add_transform(CodeMode(discovery_tools=[Search(), GetSchemas(), GetTags()]))
            async with Client(server) as client:
                yield Connected(client)


AS_IT_COMES = Monty(
    name="fastmcp-code-mode",
    title="FastMCP CodeMode (Monty), as it comes",
    dereference_schemas=True,
    cannot={**CANNOT, "execute-twenty": SLOW, "execute-10mb": SLOW},
)
TUNED = Monty(
    name="fastmcp-code-mode-tuned",
    title="FastMCP CodeMode (Monty), dereference_schemas=False",
    dereference_schemas=False,
    cannot=CANNOT,
)
