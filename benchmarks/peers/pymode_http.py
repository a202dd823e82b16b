"""`pymode serve --http` over Streamable HTTP, with the MCP SDK's own client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from benchmarks.peers.peer import TOKEN
from benchmarks.peers.pymode_stdio import Served, serve_command

PATIENCE_SECONDS = 120


@asynccontextmanager
async def serving(command: list[str]) -> AsyncIterator[str]:
    """Run a server as a child process, and yield the URL that it announces."""
    server = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    try:
        assert server.stderr is not None
        said = b""
        while b"http://" not in said:
            line = await asyncio.wait_for(server.stderr.readline(), PATIENCE_SECONDS)
            if not line:
                raise RuntimeError(f"pymode serve ended: {said.decode()}")
            said += line
        yield said.decode().rpartition(" ")[2].strip()
    finally:
        if server.returncode is None:
            server.terminate()
        await server.wait()


class PymodeHttp:
    """pymode as an MCP server over Streamable HTTP."""

    name = "pymode-http"
    title = "pymode, MCP over Streamable HTTP"
    requires: tuple[str, ...] = ()
    cannot: Mapping[str, str] = {}
    by_query: frozenset[str] = frozenset()

    @asynccontextmanager
    async def open(self, document: Path, base_url: str, workers: int = 1) -> AsyncIterator[Served]:
        command = [*serve_command(document, base_url, workers), "--http", "127.0.0.1:0"]
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            serving(command) as url,
            httpx2.AsyncClient(headers=headers, trust_env=False, timeout=PATIENCE_SECONDS) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            yield Served(client)
