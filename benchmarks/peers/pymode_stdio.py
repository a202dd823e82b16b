"""`pymode serve` over stdio, with the MCP SDK's own client."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from mcp import Client, StdioServerParameters

from benchmarks.peers.peer import TOKEN
from benchmarks.programs import PROGRAMS


class Served:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def run(self, program: str) -> object:
        tool = program.partition("-")[0]
        result = await self._client.call_tool(tool, {"code": PROGRAMS[program]})
        text = result.content[0].text
        if result.is_error:
            raise RuntimeError(text)
        return json.loads(text)


def serve_command(document: Path, base_url: str, workers: int) -> list[str]:
    """Return the command that starts a server as a user would, except that it keeps no log."""
    where = ("--spec", str(document), "--name", "api", "--base-url", base_url)
    return [sys.executable, "-m", "pymode", "serve", *where, "--no-log", "--workers", str(workers)]


class PymodeStdio:
    """pymode as an MCP server over stdio."""

    name = "pymode-stdio"
    title = "pymode, MCP over stdio"
    requires: tuple[str, ...] = ()
    cannot: Mapping[str, str] = {}
    by_query: frozenset[str] = frozenset()

    @asynccontextmanager
    async def open(self, document: Path, base_url: str, workers: int = 1) -> AsyncIterator[Served]:
        command, *arguments = serve_command(document, base_url, workers)
        environment = {**os.environ, "API_API_TOKEN": TOKEN}
        server = StdioServerParameters(command=command, args=arguments, env=environment)
        async with Client(server) as client:
            yield Served(client)
