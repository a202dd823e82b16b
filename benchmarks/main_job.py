"""Measures the main job: `python -m benchmarks.main_job [--spec FILE ...] [--quick]`.

The first `--spec` is measured in full; of the others build time, image size and medians are given.
Every call runs in its own fresh instance, policy check included. The bars are those that the
project set itself for the 1,533 operations of Cloudflare's document of August 2024 on two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil
from mcp import Client

from benchmarks.programs import ENDLESS, ONE_WRITE, SEARCHES, TRIVIAL, TWENTY_REQUESTS, WAF
from pymode import CodeMode, Limits
from pymode.errors import LimitExceeded
from pymode.hosts.rules import Rules
from pymode.simulator import running

SPEC = Path(__file__).resolve().parents[2] / "shared" / "specs" / "cloudflare-2024-08.json"
WARM_UP, CALLERS = 20, 8
# A model thinks between two calls; in this pause the worker makes its next instance.
PAUSE_SECONDS = 0.02
BARS = {"trivial": 3.0, "WAF search": 6.0, "all tags": 9.0}


def row(what: str, figure: str, bar: str = "") -> None:
    print(f"{what:<58} {figure:>22}  {bar}", flush=True)


async def median_ms(call: Callable[[], Awaitable[object]], times: int) -> str:
    seconds = []
    for index in range(WARM_UP + times):
        await asyncio.sleep(PAUSE_SECONDS)
        started = time.perf_counter()
        await call()
        if index >= WARM_UP:
            seconds.append(time.perf_counter() - started)
    p95 = statistics.quantiles(seconds, n=20)[-1]
    return f"{statistics.median(seconds) * 1e3:.1f} ms (p95 {p95 * 1e3:.1f})"


async def measure_one_caller(spec: Path, times: int, bars: dict[str, float]) -> None:
    async with CodeMode(spec, workers=1) as cm:
        await cm.prepare()
        for name, code in SEARCHES.items():
            bar = f"≤ {bars[name]:g} ms" if name in bars else ""
            row(f"library, {name}", await median_ms(lambda code=code: cm.search(code), times), bar)
    with running(latency_ms=50) as base_url:
        async with CodeMode(
            spec, name="api", base_url=base_url, token="simulated-token", workers=1
        ) as cm:
            await cm.prepare()
            figure = await median_ms(lambda: cm.execute(TWENTY_REQUESTS), times // 5)
            row("library, 20 requests of 50 ms at once", figure)


async def measure_conduct(spec: Path, times: int) -> None:
    """Compare a call with one write, bare and with rules, check and log, in turn."""
    rules = Rules.parse(deny=["DELETE /zones/*", "* /accounts/*/members/**"])
    with running() as base_url, tempfile.TemporaryDirectory() as folder:
        common = {"name": "api", "base_url": base_url, "token": "simulated-token", "workers": 1}
        bare = CodeMode(spec, check="off", **common)
        whole = CodeMode(spec, rules=rules, log=Path(folder) / "log.sqlite3", **common)
        seconds: dict[CodeMode, list[float]] = {bare: [], whole: []}
        async with bare, whole:
            for index in range(WARM_UP + times):
                for cm, taken in seconds.items():
                    await asyncio.sleep(PAUSE_SECONDS)
                    started = time.perf_counter()
                    await cm.execute(ONE_WRITE)
                    if index >= WARM_UP:
                        taken.append(time.perf_counter() - started)
        medians = [statistics.median(taken) * 1e3 for taken in seconds.values()]
        row("library, one write", f"{medians[0]:.1f} ms")
        more = f"{medians[1]:.1f} ms ({medians[1] - medians[0]:+.2f})"
        row("library, one write with rules, check and log", more, "≤ 1 ms more")


@asynccontextmanager
async def serving(spec: Path) -> AsyncIterator[str]:
    with tempfile.TemporaryFile() as log:
        command = [sys.executable, "-m", "pymode", "serve", "--spec", str(spec)]
        server = subprocess.Popen([*command, "--http", "127.0.0.1:8765"], stderr=log)
        try:
            yield "http://127.0.0.1:8765/mcp"
        finally:
            server.terminate()
            server.wait(30)


async def measure_http(spec: Path, times: int) -> None:
    async with serving(spec) as url:
        for _ in range(100):
            try:
                async with Client(url) as client:
                    await client.call_tool("search", {"code": WAF})
                    call = lambda: client.call_tool("search", {"code": WAF})  # noqa: E731
                    figure = await median_ms(call, times)
                    row("MCP Streamable HTTP, WAF search", figure, "≤ 12 ms")
                    return
            except Exception as error:
                failure = error
                await asyncio.sleep(0.2)
        raise failure


async def measure_throughput(spec: Path, calls: int) -> None:
    async with CodeMode(spec, workers=2) as cm:
        await cm.prepare()
        for name, bar in (("trivial", 250), ("WAF search", 150)):
            answers: list[object] = []

            async def caller(code: str, answers: list[object] = answers) -> None:
                answers += [(await cm.search(code)).value for _ in range(calls // CALLERS)]

            await caller_group(caller, SEARCHES[name])
            answers.clear()
            started = time.perf_counter()
            await caller_group(caller, SEARCHES[name])
            rate = len(answers) / (time.perf_counter() - started)
            same = all(answer == answers[0] for answer in answers)
            whole = "" if same and len(answers) == calls // CALLERS * CALLERS else " LOST"
            row(f"{CALLERS} callers, {name}", f"{rate:.0f} calls/s{whole}", f"≥ {bar} calls/s")


async def caller_group(caller: Callable[[str], Awaitable[None]], code: str) -> None:
    await asyncio.gather(*(caller(code) for _ in range(CALLERS)))


def measure_restart(spec: Path, times: int) -> None:
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "pymode", "search", "--spec", str(spec), TRIVIAL],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds.append(time.perf_counter() - started)
    row("restart, from the shell to the answer", f"{statistics.median(seconds):.2f} s", "≤ 1.5 s")


def resident_mib() -> float:
    """Return the memory of this process and the workers, shared pages counted once."""
    here = psutil.Process()
    everyone = [here, *here.children(recursive=True)]
    return sum(process.memory_full_info().pss for process in everyone) / 2**20


async def measure_memory(spec: Path, calls: int) -> None:
    holding = (
        "import asyncio\nasync def main():\n    len(spec['paths'])\n    await asyncio.sleep(2)"
    )
    used = []
    for workers in (1, 5):
        async with CodeMode(spec, workers=workers) as cm:
            await cm.prepare()
            running_calls = [asyncio.create_task(cm.search(holding)) for _ in range(workers)]
            await asyncio.sleep(1.5)
            used.append(resident_mib())
            await asyncio.gather(*running_calls)
    row("memory of each further call in flight", f"{(used[1] - used[0]) / 4:.1f} MiB", "≤ 25 MB")
    limits = Limits(fuel=300_000_000)
    async with CodeMode(spec, workers=2, limits=limits) as cm:
        await cm.prepare()
        early = 0.0
        for number in range(1, calls + 1):
            with suppress(LimitExceeded):
                await cm.search(ENDLESS if number % 10 == 0 else WAF)
            if number == calls // 10:
                early = resident_mib()
        change = (resident_mib() / early - 1) * 100
        what = f"memory after {calls:,} calls, a tenth of them killed"
        row(what, f"{early:.0f} MiB {change:+.1f} %", "within 10 %")


async def measure_build(spec: Path, times: int) -> None:
    cache = os.environ.get("XDG_CACHE_HOME")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        try:
            async with CodeMode(spec, workers=1) as cm:
                started = time.perf_counter()
                await cm.prepare()
                seconds = time.perf_counter() - started
                assert cm.image is not None
                size = cm.image.path.stat().st_size / 2**20
                what = f"{spec.name}: build, {cm.image.operations:,} operations"
                row(what, f"{seconds:.0f} s, {size:.0f} MiB")
                for name, code in SEARCHES.items():
                    figure = await median_ms(lambda code=code: cm.search(code), times)
                    row(f"{spec.name}: {name}", figure)
        finally:
            os.environ.pop("XDG_CACHE_HOME")
            if cache is not None:
                os.environ["XDG_CACHE_HOME"] = cache


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", type=Path, action="append", help="an OpenAPI document")
    parser.add_argument("--quick", action="store_true", help="a tenth of the calls")
    options = parser.parse_args()
    specs = options.spec or [SPEC]
    times, calls = (20, 500) if options.quick else (200, 5000)
    row("what", "median", "bar")
    await measure_one_caller(specs[0], times, BARS)
    await measure_conduct(specs[0], times)
    await measure_http(specs[0], times)
    await measure_throughput(specs[0], calls // 5)
    measure_restart(specs[0], 5)
    await measure_memory(specs[0], calls)
    for spec in specs:
        await measure_build(spec, times // 4)


if __name__ == "__main__":
    asyncio.run(main())
