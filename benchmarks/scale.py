"""Section "scale": starts, memory, and calls a second.

Every measurement runs in processes of its own; none runs beside another.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import starts
from benchmarks.documents import Document
from benchmarks.latency import Pace, alternate, choose_document
from benchmarks.options import Options, Progress
from benchmarks.peers import BY_NAME, GUARD_PAIR, Peer, missing
from benchmarks.peers.process import PeerFailed, running_peer
from benchmarks.rows import Row, row
from pymode.simulator import running

# FastMCP starts alike as it comes and tuned, so one start is measured; throughput is of the faster.
STARTED = ("pymode-library", "fastmcp-code-mode", "eryx")
LOADED = ("pymode-library", "pymode-http", "fastmcp-code-mode-tuned", "eryx")
PROGRAMS = ("execute-trivial", "search-waf")
CALLERS = (1, 4, 16)
# The bounds that the project sets itself, on two cores and 1,533 operations.
BAR_CALLERS, MIN_RATES = 8, {"search-trivial": 500.0, "search-waf": 300.0}
MAX_GUARD_MS, MAX_FUNCTION_MS = 1.0, 0.5
MAX_REST_MIB, MAX_IN_FLIGHT_MIB, MAX_GROWTH_PERCENT = 120.0, 12.0, 3.0
# Generous, because the machine may do other work at the same time.
PATIENCE_SECONDS = 600.0


async def start(peer: Peer, document: Document, cache: Path) -> tuple[float, float]:
    """Return the seconds until the first answer, and the MiB of memory at rest after it."""
    started = time.perf_counter()
    environment = {"XDG_CACHE_HOME": str(cache)}
    async with running_peer(peer, document.path, "http://localhost", 1, environment) as process:
        await process.wait_ready()
        await process.run("execute-trivial", PATIENCE_SECONDS)
        return time.perf_counter() - started, await process.wait_ready()


def size_mib(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 2**20


async def measure_starts(peer: Peer, document: Document, again: int) -> list[Row]:
    """Measure a first start with an empty cache, and then restarts."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        first, _ = await start(peer, document, cache)
        kept = size_mib(cache)
        restarts = [await start(peer, document, cache) for _ in range(again)]
    return [
        row("first start, nothing cached", peer.name, first, "s"),
        row("restart", peer.name, statistics.median(seconds for seconds, _ in restarts), "s"),
        row("kept on disk for a restart", peer.name, kept, "MiB"),
        row("memory at rest", peer.name, statistics.median(mib for _, mib in restarts), "MiB"),
    ]


async def measure_guard(document: Document, pace: Pace) -> list[Row]:
    """Measure what rules, check and log add to a call with one write."""
    bare, guarded = GUARD_PAIR
    with running() as base_url:
        async with (
            running_peer(bare, document.path, base_url) as one,
            running_peer(guarded, document.path, base_url) as other,
        ):
            await one.wait_ready()
            await other.wait_ready()
            peers = {bare.name: one, guarded.name: other}
            turns = await alternate(peers, "execute-write", pace, set())
    medians = [statistics.median(turns[name].seconds) * 1e3 for name in peers]
    added = medians[1] - medians[0]
    return [
        row("one write, without rules, check and log", "pymode-library", medians[0], "ms"),
        row("rules, check and log add to it", "pymode-library", added, "ms", most=MAX_GUARD_MS),
    ]


async def measure_memory(document: Document, calls: int) -> list[Row]:
    command = (sys.executable, "-m", "benchmarks.memory", str(document.path), str(calls))
    output = await starts.run(*command)
    found = json.loads(output)
    growth = (found["late_mib"] / found["early_mib"] - 1) * 100
    name, after = "pymode-library", f"after {calls:,} calls, a tenth of them killed"
    in_flight, late = found["in_flight_mib"], found["late_mib"]
    return [
        row("memory at rest, two workers", name, found["rest_mib"], "MiB", most=MAX_REST_MIB),
        row(
            "memory of each further call in flight", name, in_flight, "MiB", most=MAX_IN_FLIGHT_MIB
        ),
        row(f"memory {after}", name, late, "MiB"),
        row(f"growth since the first tenth, {after}", name, growth, "%", most=MAX_GROWTH_PERCENT),
    ]


async def measure_functions(times: int) -> list[Row]:
    """Measure what a call of a Python function adds to a call of code."""
    found = json.loads(await starts.run(sys.executable, "-m", "benchmarks.functions", str(times)))
    titles = {"add": "a Python function", "add_in_a_thread": "one that is not asynchronous"}
    return [
        row(f"a call of {title}", "pymode-library", found[name], "ms", most=MAX_FUNCTION_MS)
        for name, title in titles.items()
    ]


async def measure_throughput(
    peer: Peer, document: Document, seconds: float
) -> tuple[dict[str, dict[str, float]], list[Row]]:
    """Return calls a second by program and number of callers, and a row for each with a bar."""

    async def count(program: str, callers: int) -> float:
        request = {"program": program, "callers": callers, "seconds": seconds}
        said = await process.ask(request, PATIENCE_SECONDS)
        return said["calls"] / said["seconds"]

    rates: dict[str, dict[str, float]] = {}
    rows = []
    with running() as base_url:
        workers = os.cpu_count() or 1
        async with running_peer(peer, document.path, base_url, workers) as process:
            await process.wait_ready()
            for program in PROGRAMS:
                # Not kept: the first calls make instances and fill caches.
                await count(program, workers)
                rates[program] = {
                    str(callers): await count(program, callers) for callers in CALLERS
                }
            if peer.name == "pymode-library":
                for program, least in MIN_RATES.items():
                    rate = await count(program, BAR_CALLERS)
                    what = f"{BAR_CALLERS} callers, {program}"
                    rows.append(row(what, peer.name, rate, "calls/s", least=least))
    return rates, rows


def divide(names: Sequence[str]) -> tuple[list[Peer], dict[str, str]]:
    """Return the peers that can run here, and why the others cannot."""
    absent = {name: why for name in names if (why := missing(BY_NAME[name]))}
    return [BY_NAME[name] for name in names if name not in absent], absent


async def measure(options: Options, progress: Progress) -> dict[str, Any]:
    """Return the section: rows, and calls a second by peer, program and number of callers."""
    document = choose_document(options)
    rows: list[Row] = []
    started, absent = divide(STARTED)
    throughput: dict[str, Mapping[str, Any]] = {}
    skipped = dict(absent)
    if options.quick:
        started = []
        skipped["starts of peers, and an installation"] = "left out by --quick, as they take long"
    for peer in started:
        progress(f"scale: starts of {peer.name}")
        try:
            rows += await measure_starts(peer, document, again=2)
        except PeerFailed as error:
            skipped[peer.name] = str(error)
    rows += await starts.measure(1 if options.quick else 5, progress, installs=not options.quick)
    progress("scale: rules, check and log")
    rows += await measure_guard(document, Pace(20 if options.quick else 100, 5, 10.0))
    progress("scale: calls of Python functions")
    rows += await measure_functions(20 if options.quick else 50)
    loaded, absent = divide(LOADED)
    throughput.update({name: {"skipped": why} for name, why in absent.items()})
    for peer in loaded:
        progress(f"scale: throughput of {peer.name}")
        try:
            throughput[peer.name], more = await measure_throughput(
                peer, document, 0.3 if options.quick else 1.0
            )
            rows += more
        except PeerFailed as error:
            throughput[peer.name] = {"skipped": str(error)}
    calls = 1_000 if options.quick else 100_000
    progress(f"scale: memory in {calls:,} calls")
    rows += await measure_memory(document, calls)
    return {
        "document": document.name,
        "rows": rows,
        "throughput": throughput,
        "skipped": skipped,
    }
