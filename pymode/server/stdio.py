"""Serving MCP on standard input and output."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from mcp.server.stdio import stdio_server

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

_log = logging.getLogger(__name__)

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
    leaving = asyncio.create_task(ended.wait())
    either: set[asyncio.Future[Any]] = {serving, stopped, leaving}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not stopped.done():
        # Where standard input has ended, the last answers are written meanwhile. Where only the
        # output is closed, the thread that reads the input holds up everything.
        await asyncio.wait({serving}, timeout=_STOP_SECONDS)
        # Python would complain at its end about what it can write to nobody.
        if not serving.done() or not serving.result():
            _exit(0)
        return
    serving.cancel()
    try:
        await asyncio.wait_for(ended.wait(), _STOP_SECONDS)
    finally:
        _exit(128 + stopped.result())


def _exit(status: int) -> NoReturn:
    """End the process, though a thread sits in a read of standard input that nothing wakes."""
    sys.stderr.flush()
    os._exit(status)


def _settle(stopped: asyncio.Future[int], number: int) -> None:
    if not stopped.done():
        stopped.set_result(number)


async def _serve(server: Server[None], ended: asyncio.Event) -> bool:
    """Serve, and return whether somebody reads standard output to the end."""
    is_read = True
    try:
        async with stdio_server() as (read_stream, write_stream):
            try:
                await server.run(read_stream, write_stream, server.create_initialization_options())
            finally:
                ended.set()
    except* BrokenPipeError:
        is_read = False
        _log.info("the client has closed its end")
    return is_read
