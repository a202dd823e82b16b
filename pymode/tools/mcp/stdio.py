"""The transport to a server in a process of its own: JSON lines over its stdin and stdout.

What the process writes to stderr goes to the log.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import cast

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage

from pymode.tools.mcp.messages import Item, LineReader, MessageTooLong
from pymode.tools.mcp.servers import StdioServer
from pymode.tools.mcp.streams import TransportStreams

# The most bytes of one read. A pipe of Linux holds 64 KiB.
_CHUNK_BYTES = 256 * 1024
_MAX_LINE_CHARS = 2_000
# How long a process may take to end after its stdin was closed, and then after each signal.
_LEAVE_SECONDS = 2.0
_TERMINATE_SECONDS = 1.0
_POLL_SECONDS = 0.02
# How long to wait for the exit code of a process that closed its stdout.
_EXIT_SECONDS = 0.5

_log = logging.getLogger(__name__)


@asynccontextmanager
async def run_process(
    server: StdioServer, note: Callable[[str], None], ended: Callable[[str], None]
) -> AsyncIterator[TransportStreams]:
    """Start the process of a server, and end it at the end of the `with` block.

    A process that does not end when its stdin is closed gets signals, and so do its children.

    Args:
        server: the command to start.
        note: called with each line of stderr, of which at most 2,000 bytes are kept.
        ended: called with a description of the end, such as "it ended with exit code 1", when
            nothing more comes from the process.

    Yields:
        The stream of messages from the server, and the stream of messages to it.

    Raises:
        OSError: the process cannot be started.
    """
    given = {name: value.get_secret_value() for name, value in server.env.items()}
    process = await asyncio.create_subprocess_exec(
        server.command,
        *server.args,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=get_default_environment() | given,
        cwd=server.cwd,
        limit=_CHUNK_BYTES,
        # This makes a process group of its own, so that the signals of `_stop` reach the children.
        start_new_session=True,
    )
    # The streams hold no messages, so a server that sends too fast has to wait.
    coming, incoming = anyio.create_memory_object_stream[Item](0)
    outgoing, leaving = anyio.create_memory_object_stream[SessionMessage](0)
    async with coming, incoming, outgoing, leaving, anyio.create_task_group() as tasks:
        tasks.start_soon(_read, process, coming, ended)
        tasks.start_soon(_write, process, leaving)
        tasks.start_soon(_note_errors, process, note)
        try:
            yield incoming, outgoing
        finally:
            # Shielded, because a cancelled session has to end its process, too.
            with anyio.CancelScope(shield=True):
                await _stop(process)
            tasks.cancel_scope.cancel()


async def _read(
    process: Process, coming: MemoryObjectSendStream[Item], ended: Callable[[str], None]
) -> None:
    stdout = cast(StreamReader, process.stdout)
    lines = LineReader()
    how = ""
    try:
        while chunk := await stdout.read(_CHUNK_BYTES):
            for message in lines.feed(chunk):
                await coming.send(message)
    except MessageTooLong:
        how = "it sent a message without an end"
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        return
    except OSError:
        how = "its output could not be read"
    with suppress(TimeoutError):
        async with asyncio.timeout(_EXIT_SECONDS):
            await process.wait()
    ended(how or _say_exit(process.returncode))
    await coming.aclose()


async def _write(process: Process, leaving: MemoryObjectReceiveStream[SessionMessage]) -> None:
    stdin = cast(StreamWriter, process.stdin)
    async for item in leaving:
        text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
        # A process that has ended cannot be written to; `_read` notices its end.
        with suppress(OSError):
            stdin.write(text.encode() + b"\n")
            await stdin.drain()


async def _note_errors(process: Process, note: Callable[[str], None]) -> None:
    stderr = cast(StreamReader, process.stderr)
    rest = b""
    with suppress(OSError):
        while chunk := await stderr.read(_CHUNK_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            rest = rest[:_MAX_LINE_CHARS]
            for line in lines:
                note(line[:_MAX_LINE_CHARS].decode(errors="replace"))


async def _stop(process: Process) -> None:
    cast(StreamWriter, process.stdin).close()
    # A `wait` that begins before the process has ended also waits for its pipes to close. So a
    # child process that keeps a pipe open gets SIGTERM, too.
    for number, seconds in (
        (None, _LEAVE_SECONDS),
        (signal.SIGTERM, _TERMINATE_SECONDS),
        (signal.SIGKILL, _TERMINATE_SECONDS),
    ):
        if number is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await process.wait()
                while _has_group(process):  # noqa: ASYNC110 - nobody tells when it has ended
                    await asyncio.sleep(_POLL_SECONDS)
                return
    _log.warning("the process %d of an MCP server did not end", process.pid)


def _has_group(process: Process) -> bool:
    """Say whether a process that was started by a server is left, also if the server has ended."""
    try:
        os.killpg(process.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _say_exit(code: int | None) -> str:
    if code is None:
        return "it closed its output"
    if code < 0:
        return f"it was ended by signal {-code}"
    return f"it ended with exit code {code}"
