"""Serving MCP on standard input and output."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from mcp.server.stdio import stdio_server

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

# After a signal, this bounds the wait for the sandbox to end.
_STOP_SECONDS = 5.0


async def serve_stdio(server: Server[None]) -> None:
    """Serve one client until it closes standard input; SIGINT and SIGTERM end the process.

    While serving, whatever else writes to standard output reaches standard error instead.
    """
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _settle, stopped, number)
    ended = asyncio.Event()
    serving = asyncio.create_task(_serve(server, ended))
    either: set[asyncio.Future[Any]] = {serving, stopped}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        return serving.result()
    serving.cancel()
    try:
        await asyncio.wait_for(ended.wait(), _STOP_SECONDS)
    finally:
        sys.stderr.flush()
        # A thread sits in a read of standard input; nothing wakes it, so no ordinary end comes.
        os._exit(128 + stopped.result())


def _settle(stopped: asyncio.Future[int], number: int) -> None:
    if not stopped.done():
        stopped.set_result(number)


async def _serve(server: Server[None], ended: asyncio.Event) -> None:
    async with stdio_server() as (read_stream, write_stream):
        try:
            await server.run(read_stream, write_stream, server.create_initialization_options())
        finally:
            ended.set()
