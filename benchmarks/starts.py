"""How long the first answer takes: after an installation, for a new document, after a restart.

Every start is a process of its own, timed from its beginning to its answer.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from mcp import Client, StdioServerParameters

from benchmarks.documents import REPOSITORY, Document, core, latency_document, multiply
from benchmarks.options import Progress
from benchmarks.peers.pymode_stdio import serve_command
from benchmarks.programs import TRIVIAL, WAF
from benchmarks.rows import Row, row
from pymode import CodeMode

# The bounds that the project sets itself, on two cores.
MAX_FIRST_SECONDS, MAX_NEW_SECONDS = 3.0, 5.0
MAX_RESTART_SECONDS, MAX_CLIENT_SECONDS = 0.7, 1.2
MANY_OPERATIONS, MAX_LOAD_SECONDS, MAX_SEARCH_MS = 25_000, 25.0, 60.0
PATIENCE_SECONDS = 600.0


async def measure(times: int, progress: Progress, *, installs: bool) -> list[Row]:
    """Return a row for each kind of start.

    Args:
        times: how often the short ones are repeated.
        progress: shows what is measured.
        installs: whether pymode is installed anew, which takes a minute.
    """
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        python = Path(sys.executable)
        if installs:
            progress("scale: an installation of pymode")
            python = await install(Path(folder))
        progress("scale: starts in the shell and in a client")
        rows += await measure_shell(python, Path(folder), times, is_installed=installs)
        rows.append(await measure_client(times))
    progress(f"scale: {MANY_OPERATIONS:,} operations")
    return rows + await measure_many(times)


async def install(folder: Path) -> Path:
    """Install pymode as its users do, into an environment of its own; return its Python."""
    await run(sys.executable, "-m", "venv", str(folder / "venv"))
    python = folder / "venv" / "bin" / "python"
    locked = str(REPOSITORY / "constraints.txt")
    await run(str(python), "-m", "pip", "install", "--quiet", "-c", locked, str(REPOSITORY))
    return python


async def measure_shell(python: Path, folder: Path, times: int, *, is_installed: bool) -> list[Row]:
    """Measure `pymode search`: with an empty cache, and again when the document is known."""
    document = latency_document()

    async def search(cache: Path, *options: str) -> float:
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
        # In a folder without a `pymode` that would be imported in place of the installed one.
        environment.pop("PYTHONPATH", None)
        command = (str(python), "-m", "pymode", "search", "--no-log", *options, TRIVIAL)
        started = time.perf_counter()
        await run(*command, environment=environment, folder=folder)
        return time.perf_counter() - started

    rows = []
    known = folder / "known"
    new = ("--spec", str(document.path))
    first = [await search(folder / f"first-{number}") for number in range(times)]
    unseen = [await search(folder / f"new-{number}", *new) for number in range(times)]
    await search(known, *new)
    again = [await search(known, *new) for _ in range(times)]
    for what, seconds, most in (
        (f"first `pymode search`, {core().name}", first, MAX_FIRST_SECONDS),
        (f"first `pymode search`, {document.name}", unseen, MAX_NEW_SECONDS),
        ("restart, `pymode search`", again, MAX_RESTART_SECONDS),
    ):
        # A checkout builds the runtime at its first use, and an installation does not.
        if is_installed or seconds is again:
            rows.append(row(what, "pymode-shell", statistics.median(seconds), "s", most=most))
    return rows


async def measure_client(times: int) -> Row:
    """Measure an MCP client's first search over stdio, from the start of the server's process."""
    command, *arguments = serve_command(latency_document().path, "http://localhost", 2)
    server = StdioServerParameters(command=command, args=arguments, env=dict(os.environ))
    seconds = []
    for _ in range(times + 1):
        started = time.perf_counter()
        async with Client(server) as client:
            await client.call_tool("search", {"code": TRIVIAL})
            seconds.append(time.perf_counter() - started)
    # Without the first one, which may have loaded the document.
    value = statistics.median(seconds[1:])
    return row(
        "restart, an MCP client's first search", "pymode-stdio", value, "s", most=MAX_CLIENT_SECONDS
    )


async def measure_many(times: int) -> list[Row]:
    """Measure a document of many operations: how long it loads, and a search in it."""
    document: Document = multiply(latency_document(), MANY_OPERATIONS)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"], before = folder, os.environ.get("XDG_CACHE_HOME")
        try:
            # The runtime is not what is measured here.
            async with CodeMode("cloudflare", workers=1) as small:
                await small.prepare()
            started = time.perf_counter()
            async with CodeMode(document.path, name="api", workers=1) as code_mode:
                await code_mode.prepare()
                loaded = time.perf_counter() - started
                searches = []
                for _ in range(times + 1):
                    started = time.perf_counter()
                    await code_mode.search(WAF)
                    searches.append(time.perf_counter() - started)
        finally:
            restore("XDG_CACHE_HOME", before)
    what = f"{document.operations:,} operations, {len(document.text) / 1e6:.0f} MB"
    median_ms = statistics.median(searches[1:]) * 1e3
    return [
        row(f"{what}: load", "pymode-library", loaded, "s", most=MAX_LOAD_SECONDS),
        row(f"{what}: WAF search", "pymode-library", median_ms, "ms", most=MAX_SEARCH_MS),
    ]


def restore(name: str, value: str | None) -> None:
    if value is None:
        del os.environ[name]
    else:
        os.environ[name] = value


async def run(
    *command: str, environment: Mapping[str, str] | None = None, folder: Path = REPOSITORY
) -> bytes:
    """Run a command in a folder, and return what it prints.

    Raises:
        RuntimeError: it failed; the message is the end of what it said.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env=environment or os.environ,
    )
    try:
        output, complaints = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise RuntimeError(complaints.decode("utf-8", "replace")[-500:])
    return output
