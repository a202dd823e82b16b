"""One MCP tool for each operation, made by `FastMCP.from_openapi`, with FastMCP's own client.

By default FastMCP resolves the references of every schema for each listing, each search and each
call through a proxy, which takes most of a second. Here they are resolved once, with FastMCP's own
function: the tokens stay the same, and the runs end. Times are measured in `peers/monty.py`, also
with the default.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.approaches.approach import TOKEN
from benchmarks.approaches.mcp_session import McpSession, open_session
from benchmarks.counting import compact
from benchmarks.documents import Document

if TYPE_CHECKING:
    import httpx2
    from fastmcp import FastMCP
    from fastmcp.server.transforms import Transform

CALL_SECONDS = 60


class Api:
    """An HTTP client whose target changes, so that one server can serve many simulated APIs."""

    current: httpx2.AsyncClient

    def __getattr__(self, name: str) -> Any:
        return getattr(self.current, name)


# Servers are kept: making one takes seconds, and the tasks use each dozens of times, one after the
# other.
_kept: dict[tuple[str, type[Transform] | None], tuple[FastMCP[None], Api]] = {}


@asynccontextmanager
async def serve_operations(
    document: Document,
    base_url: str | None,
    *,
    transform: Transform | None = None,
    required_only: bool = False,
) -> AsyncIterator[McpSession]:
    """Serve the operations of `document` through `transform`, with the API at `base_url`."""
    import httpx2
    from fastmcp import Client

    # It logs every error answer; these are for the model, not for the person who measures.
    logging.getLogger("fastmcp").setLevel(logging.CRITICAL)
    key = (document.name, type(transform) if transform else None)
    server, api = _kept.get(key) or make_server(document, transform, required_only=required_only)
    if base_url is not None and not required_only:
        _kept[key] = server, api
    async with (
        httpx2.AsyncClient(
            base_url=base_url or document.server,
            headers={"Authorization": f"Bearer {TOKEN}"},
            # The calls of a turn share one process, so httpx's 5 s could be too short.
            timeout=CALL_SECONDS,
        ) as api.current,
        Client(server) as client,
    ):
        yield await open_session(client.session)


def make_server(
    document: Document, transform: Transform | None, *, required_only: bool
) -> tuple[FastMCP[None], Api]:
    """Return a server with a tool for each operation, and its HTTP client."""
    from fastmcp import FastMCP
    from fastmcp.utilities.json_schema import dereference_refs

    def finish(_: object, tool: Any) -> None:
        tool.parameters = dereference_refs(tool.parameters)
        if getattr(tool, "output_schema", None):
            tool.output_schema = dereference_refs(tool.output_schema)
        if required_only:
            leave_out_optional(tool)

    api = Api()
    server: FastMCP[None] = FastMCP.from_openapi(
        document.data,
        client=api,
        name=document.namespace,
        mcp_component_fn=finish,
        dereference_schemas=False,
    )
    if transform is not None:
        server.add_transform(transform)
    return server, api


def leave_out_optional(tool: Any) -> None:
    """Remove optional properties from a tool's schema, and the definitions that only they used."""
    schema = tool.parameters
    required = schema.get("required", [])
    properties = schema.get("properties", {})
    schema["properties"] = {name: properties[name] for name in properties if name in required}
    definitions = schema.pop("$defs", {})
    named = reachable(schema, definitions)
    if named:
        schema["$defs"] = {name: definitions[name] for name in definitions if name in named}


def reachable(schema: dict[str, Any], definitions: dict[str, Any]) -> set[str]:
    """Return the names of the definitions that `schema` needs, directly or through others."""
    found: set[str] = set()
    texts = [compact(schema)]
    while texts:
        text = texts.pop()
        for name in definitions.keys() - found:
            if f'"#/$defs/{name}"' in text:
                found.add(name)
                texts.append(compact(definitions[name]))
    return found
