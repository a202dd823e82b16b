"""One MCP tool for each operation, by FastMCP, and what FastMCP builds upon that.

The server is what `FastMCP.from_openapi` makes; the client is FastMCP's own. By default FastMCP
resolves the references of every schema anew for each listing, each search and each call through a
proxy, which takes it most of a second; here it is done once, with its own function, so that what is
counted stays the same and the runs end. Its times are measured as it comes, see `peers/monty.py`.
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
    """Stands for the HTTP client of the API that is served now, so that servers can be kept."""

    current: httpx2.AsyncClient

    def __getattr__(self, name: str) -> Any:
        return getattr(self.current, name)


# Making a server takes seconds, and the tasks need each dozens of times; one is used at a time.
_kept: dict[tuple[str, type[Transform] | None], tuple[FastMCP[None], Api]] = {}


@asynccontextmanager
async def serve_operations(
    document: Document,
    base_url: str | None,
    *,
    transform: Transform | None = None,
    required_only: bool = False,
) -> AsyncIterator[McpSession]:
    """Serve the operations of `document`, by way of `transform`, with the API at `base_url`."""
    import httpx2
    from fastmcp import Client

    # It prints every answer with an error; the model reads it, a person need not.
    logging.getLogger("fastmcp").setLevel(logging.CRITICAL)
    key = (document.name, type(transform) if transform else None)
    server, api = _kept.get(key) or make_server(document, transform, required_only=required_only)
    if base_url is not None and not required_only:
        _kept[key] = server, api
    async with (
        httpx2.AsyncClient(
            base_url=base_url or document.server,
            headers={"Authorization": f"Bearer {TOKEN}"},
            # Calls of one turn run side by side in one process; httpx's 5 s would be a handicap.
            timeout=CALL_SECONDS,
        ) as api.current,
        Client(server) as client,
    ):
        yield await open_session(client.session)


def make_server(
    document: Document, transform: Transform | None, *, required_only: bool
) -> tuple[FastMCP[None], Api]:
    """Return a server with a tool for each operation, and what stands for its API."""
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
    """Take optional properties out of a tool's schema, and definitions that nothing names then."""
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
