"""What the tests of MCP servers share: sources over the servers beside this file."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pymode.actions.context import Context
from pymode.tools.mcp import MCPSource, read_server

SERVERS = Path(__file__).parent / "servers"

# Long enough for a busy machine; no test waits for its end.
PATIENCE_SECONDS = 60.0


@asynccontextmanager
async def serve(given: object, name: str = "upstream") -> AsyncIterator[MCPSource]:
    """A source over any server; ended with the block, every wait bounded."""
    source = MCPSource(name, read_server(name, given))
    async with asyncio.timeout(2 * PATIENCE_SECONDS):
        try:
            yield source
        finally:
            await source.aclose()


def script(name: str, *args: str, **more: Any) -> dict[str, Any]:
    """The `mcpServers` entry for one of the scripts."""
    return {"command": sys.executable, "args": [str(SERVERS / f"{name}.py"), *args], **more}


def around(seconds: float = PATIENCE_SECONDS, **more: Any) -> Context:
    """The context of a call that ends in so many seconds."""
    return Context(_deadline=asyncio.get_running_loop().time() + seconds, **more)


async def call(source: MCPSource, name: str, /, **arguments: Any) -> Any:
    """Call a tool by its Python name."""
    return await source.call((await source.list())[name], arguments, around())


async def wait_for_tool(source: MCPSource, name: str) -> None:
    """Wait until a tool is listed: news of it come on a stream of their own, after the answer."""
    while name not in await source.list():
        await turn()


async def turn() -> None:
    """Let the other tasks run once."""
    await asyncio.sleep(0)
