"""Which limits hold: each hostile program against each sandbox, in a process of its own.

`python -m benchmarks.limits_held --peer pymode --attack loop` is one such process: it plays the
host, runs the program, then a harmless one, and prints what happened as a line of JSON. `measure`
starts two at a time and ends those that hang or grow.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any, NoReturn

import psutil

from benchmarks import attacks, sandboxes
from benchmarks.options import Options, Progress
from benchmarks.stops import name_stop, shorten

SECONDS, QUICK_SECONDS = 5.0, 2.0
GRACE_SECONDS = 3.0
# An image may have to be built first.
START_SECONDS = 180.0
NEXT_CALL_SECONDS = 5.0
GIB = 1024**3
# The second is enforced by the kernel, in case the harness is too slow. Neither bounds address
# space, because wasmtime reserves much more of it than it uses.
MEMORY_BYTES, HARD_MEMORY_BYTES = GIB * 3 // 2, GIB * 8
LOOK_SECONDS = 0.05
# More than this is too much for a model to read.
LARGE_CHARS = 1_000_000
HOSTS_AT_ONCE = 2
READY = b"ready\n"


class DidNotStart(Exception):
    """A host process failed before the attack."""


def deadline_for(seconds: float) -> float:
    """Return when the harness ends a call, in seconds; the sandbox should end it earlier."""
    return seconds + GRACE_SECONDS


async def play_host(sandbox: sandboxes.Sandbox, program: str, seconds: float) -> NoReturn:
    """Run a hostile program and then a harmless one, print what happened, and end the process."""
    deadline = deadline_for(seconds)
    async with sandbox.open(seconds) as run:
        await run(sandbox.one)
        os.write(1, READY)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(deadline) as clock:
                answer = await run(program)
            stopped_by = name_end(answer, time.perf_counter() - started, seconds)
        except BaseException as error:
            stopped_by = name_stop(error, seconds)
            if clock.expired():
                stopped_by = f"nothing: ended by the harness after {deadline:g} s"
        took = time.perf_counter() - started
        report = {
            "stopped_by": stopped_by,
            "seconds": round(took, 2),
            "next_call": await call_again(sandbox, run),
            "host": "alive",
        }
        os.write(1, b"\n" + json.dumps(report).encode() + b"\n")
        # A regular end would wait for threads that never end.
        os._exit(0)


def name_end(answer: str, took: float, seconds: float) -> str:
    """Return the words for a program that ended by itself: should it have been stopped?"""
    if len(answer) > LARGE_CHARS:
        return f"nothing: {len(answer) / 1e6:,.0f} MB came back"
    if took > seconds + 1:
        return "nothing: it ended by itself"
    return "no need: it ended by itself"


async def call_again(sandbox: sandboxes.Sandbox, run: sandboxes.Run) -> str:
    try:
        async with asyncio.timeout(NEXT_CALL_SECONDS):
            answer = await run(sandbox.one)
    except TimeoutError:
        return f"no answer within {NEXT_CALL_SECONDS:g} s"
    except BaseException as error:
        return shorten(error)
    return "fine" if answer.strip() == "1" else f"wrong: {answer[:40]!r}"


@dataclass
class Watched:
    """A host process, as the harness sees it.

    Args:
        process: the host, which leads its own process group.
        ready: set when the attack begins.
        output_bytes: how much it wrote to standard output, its report included.
        tail: the last 4 KiB of that output.
        ended: why the harness ended it; empty if it did not.
    """

    process: asyncio.subprocess.Process
    ready: asyncio.Event
    output_bytes: int = 0
    tail: bytes = b""
    ended: str = ""

    async def read(self) -> None:
        """Count the output until it ends, and keep its last part."""
        assert self.process.stdout is not None
        while chunk := await self.process.stdout.read(1 << 20):
            self.output_bytes += len(chunk)
            if READY in chunk:
                self.ready.set()
            self.tail = (self.tail + chunk)[-4096:]

    async def bound_memory(self) -> None:
        """Kill the largest process, as a kernel would, when all together use too much memory."""
        while True:
            sizes = measure_tree(self.process.pid)
            if sum(sizes.values()) > MEMORY_BYTES:
                self.ended = f"nothing: ended by the harness at {MEMORY_BYTES / GIB:g} GiB"
                with suppress(ProcessLookupError):
                    os.kill(max(sizes, key=lambda pid: sizes[pid]), signal.SIGKILL)
            await asyncio.sleep(LOOK_SECONDS)


def measure_tree(pid: int) -> dict[int, int]:
    """Return the resident bytes of a process and its descendants, by process id."""
    sizes = {}
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                sizes[process.pid] = process.memory_info().rss
    return sizes


async def watch(command: Sequence[str], seconds: float) -> dict[str, Any]:
    """Run a host process and return what happened, from its report or from its end.

    Args:
        command: prints `READY` when the attack begins, and a report at last.
        seconds: the limit that the sandbox was given.

    Raises:
        DidNotStart: it does not come so far as to begin.
    """
    with tempfile.TemporaryFile() as complaints:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=complaints,
            start_new_session=True,
        )
        watched = Watched(process, asyncio.Event())
        reading = asyncio.create_task(watched.read())
        bounding = asyncio.create_task(watched.bound_memory())
        begun = asyncio.create_task(watched.ready.wait())
        try:
            await asyncio.wait(
                (begun, reading), timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if not begun.done():
                complaints.seek(0)
                last = complaints.read().decode(errors="replace").strip().splitlines()[-1:]
                raise DidNotStart(f"it did not start: {' '.join(last) or 'no reason given'}")
            started = time.perf_counter()
            most = deadline_for(seconds) + NEXT_CALL_SECONDS + 1
            await asyncio.wait([asyncio.create_task(process.wait())], timeout=most)
            took = time.perf_counter() - started
            hung = process.returncode is None
        finally:
            bounding.cancel()
            begun.cancel()
            # Its children are in its group; the group outlives a host that died.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            await reading
    return describe(watched, took, hung, seconds)


def describe(watched: Watched, took: float, hung: bool, seconds: float) -> dict[str, Any]:
    """Return what happened to a host process that has ended."""
    status = watched.process.returncode or 0
    last = watched.tail.rstrip(b"\n").rsplit(b"\n", 1)[-1]
    output_bytes = watched.output_bytes - len(READY)
    if hung:
        ended = f"nothing: ended by the harness after {deadline_for(seconds):g} s"
        host = "hung: ended by the harness"
    elif status:
        ended = "nothing: it took the host process along"
        host = f"died: signal {-status}" if status < 0 else f"died: exit status {status}"
    else:
        report = json.loads(last)
        output_bytes -= len(last) + 2
        ended, host = report["stopped_by"], report["host"]
    flood = f"; {output_bytes / 1e6:,.0f} MB had reached the host's output"
    return {
        "stopped_by": (watched.ended or ended) + (flood if output_bytes > LARGE_CHARS else ""),
        "seconds": round(took, 2) if hung or status else report["seconds"],
        "next_call": "no host to ask" if hung or status else report["next_call"],
        "host": host,
    }


async def measure(options: Options, progress: Progress) -> dict[str, Any]:
    """Try every attack on every peer that is installed."""
    seconds = QUICK_SECONDS if options.quick else SECONDS
    skipped = {sandbox.name: why for sandbox in sandboxes.ALL if (why := missing(sandbox))}
    tried = [sandbox for sandbox in sandboxes.ALL if sandbox.name not in skipped]
    gate = asyncio.Semaphore(HOSTS_AT_ONCE)

    peers: dict[str, dict[str, Any]] = {sandbox.name: {"title": sandbox.title} for sandbox in tried}

    async def attempt(sandbox: sandboxes.Sandbox, attack: attacks.Attack) -> None:
        command = [sys.executable, "-m", "benchmarks.limits_held", "--peer", sandbox.name]
        command += ["--attack", attack.id, "--seconds", str(seconds)]
        async with gate:
            try:
                found = await watch(command, seconds)
            except DidNotStart as error:
                skipped[sandbox.name] = str(error)
                return
        peers[sandbox.name][attack.id] = found
        progress(f"limits: {sandbox.title}, {attack.title}: {found['stopped_by']}")

    await asyncio.gather(*(attempt(sandbox, attack) for attack in attacks.ALL for sandbox in tried))
    return {
        "seconds": seconds,
        "memory_bytes": sandboxes.MEMORY_BYTES,
        "attacks": [{"id": attack.id, "title": attack.title} for attack in attacks.ALL],
        "peers": {name: found for name, found in peers.items() if name not in skipped},
        "skipped": skipped,
    }


def missing(sandbox: sandboxes.Sandbox) -> str | None:
    """Return why a peer cannot be tried here, None if it can."""
    for name in sandbox.requires:
        try:
            distribution(name)
        except PackageNotFoundError:
            return f"{name} is not installed"
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", choices=sandboxes.BY_NAME, required=True)
    parser.add_argument("--attack", choices=attacks.BY_ID, required=True)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_DATA, (HARD_MEMORY_BYTES, HARD_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sandbox = sandboxes.BY_NAME[options.peer]
    program = attacks.BY_ID[options.attack].code_for(sandbox.name)
    asyncio.run(play_host(sandbox, program, options.seconds))


if __name__ == "__main__":
    main()
