"""The sandboxes that hostile programs attack, each opened as its documentation says.

Each gets the same limits if it has such limits: seconds for a call, and `MEMORY_BYTES`. All other
settings keep their defaults, because that is what most people run.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

MEMORY_BYTES = 256 * 1024 * 1024

# Runs a program and returns its answer as text; raises whatever the sandbox raises.
Run = Callable[[str], Awaitable[str]]


@dataclass(frozen=True)
class Sandbox:
    """One sandbox, not yet opened.

    Args:
        name: short, as in the results.
        title: for people.
        requires: distributions that must be installed.
        open: opens it with a limit of so many seconds for a call, and yields a `Run`.
        one: a program whose answer is 1.
    """

    name: str
    title: str
    requires: tuple[str, ...]
    open: Callable[[float], AbstractAsyncContextManager[Run]]
    one: str = "return 1"


@asynccontextmanager
async def open_pymode(seconds: float) -> AsyncIterator[Run]:
    from pymode import CodeMode, Limits

    limits = Limits(wall_seconds=seconds, memory_bytes=MEMORY_BYTES)
    async with CodeMode("cloudflare", workers=1, limits=limits) as code_mode:

        async def run(code: str) -> str:
            return str((await code_mode.search(code)).value)

        yield run


@asynccontextmanager
async def open_monty(seconds: float) -> AsyncIterator[Run]:
    """Open FastMCP's code mode. It has no tools, because its limits do not count calls of tools."""
    from fastmcp import Client, FastMCP
    from fastmcp.experimental.transforms.code_mode import CodeMode, MontySandboxProvider
    from pydantic_monty import ResourceLimits

    limits: ResourceLimits = {
        "max_feed_duration_secs": seconds,
        # The limit above does not count time spent asleep.
        "max_total_sleep_secs": seconds,
        "max_memory": MEMORY_BYTES,
    }
    code_mode = CodeMode(sandbox_provider=MontySandboxProvider(limits=limits))
    async with Client(FastMCP("hostile", transforms=[code_mode])) as client:

        async def run(code: str) -> str:
            result = await client.call_tool("execute", {"code": code})
            return "".join(part.text for part in result.content)

        yield run


@asynccontextmanager
async def open_eryx(seconds: float) -> AsyncIterator[Run]:
    import eryx

    limits = eryx.ResourceLimits(
        execution_timeout_ms=int(seconds * 1000), max_memory_bytes=MEMORY_BYTES
    )
    sandbox = eryx.Sandbox(resource_limits=limits)

    async def run(code: str) -> str:
        result = await asyncio.to_thread(sandbox.execute, code)
        return result.stdout_text + (result.result_json or "")

    yield run


class ProcessDied(Exception):
    """The process was killed or failed."""


@asynccontextmanager
async def open_naive(_: float) -> AsyncIterator[Run]:
    """Run each program in a fresh `python -c` without any limit, and collect its output."""

    async def run(code: str) -> str:
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            output, complaints = await asyncio.to_thread(process.communicate)
        finally:
            process.kill()
        if process.returncode < 0:
            raise ProcessDied(signal.Signals(-process.returncode).name)
        if process.returncode:
            raise ProcessDied(complaints)
        return output

    yield run


ALL = (
    Sandbox("pymode", "pymode", (), open_pymode),
    Sandbox("monty", "FastMCP CodeMode (Monty)", ("fastmcp", "pydantic-monty"), open_monty),
    Sandbox("eryx", "pyeryx", ("pyeryx",), open_eryx, "result = 1"),
    Sandbox("naive", "python -c", (), open_naive, "print(1)"),
)
BY_NAME = {sandbox.name: sandbox for sandbox in ALL}
