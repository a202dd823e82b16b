"""Section "latency": how long one call takes, peer by peer.

The peers take turns, call by call, so that a busy moment of the machine slows all of them. Each
runs in its own process and takes its own times, so that nobody pays for the garbage of another.
Before each call there is a pause of 20 ms, because a model pauses, too: peers that make something
ready for the next call do it then.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from benchmarks.documents import Document, latency_document, load_documents
from benchmarks.options import Options, Progress
from benchmarks.peers import ALL, Peer, missing
from benchmarks.peers.process import PeerFailed, running_peer
from benchmarks.programs import agrees
from pymode.simulator import running

# Programs by the latency of the simulated API, in milliseconds.
PROGRAMS = {
    0: (
        "search-trivial",
        "search-waf",
        "search-tags",
        "search-schema",
        "execute-trivial",
        "execute-one",
        "execute-10mb",
    ),
    50: ("execute-twenty",),
}
# Largest median in milliseconds that the project allows itself, on two cores and 1,533 operations.
BARS = {
    ("pymode-library", "search-tags"): 5.0,
    ("pymode-library", "execute-twenty"): 62.0,
    ("pymode-http", "search-waf"): 8.0,
}
# For these the bar is the median of this peer in the same run.
RIVAL = "eryx"
RIVAL_BARS = {("pymode-library", "search-trivial"), ("pymode-library", "search-waf")}
PAUSE_SECONDS = 0.02
CALL_SECONDS = 20.0
# A peer with a longer call is slow. It is warmed up by its first program only, to save time.
SLOW_SECONDS = 1.0
MIN_TIMES = 5
# Of fewer calls than these, the quantile would be the maximum.
MIN_CALLS = {"p95_ms": 20, "p99_ms": 100}


@dataclass(frozen=True)
class Pace:
    """How often each peer is called.

    Args:
        times: how many calls of a program are measured, at most.
        warm_up: how many calls come before them.
        seconds: a peer stops when its measured calls of a program took so long together.
    """

    times: int
    warm_up: int
    seconds: float


FULL, QUICK = Pace(100, 3, 1.0), Pace(20, 1, 0.3)


class Timed(Protocol):
    """A peer that takes its own times."""

    async def run(self, program: str, seconds: float) -> tuple[float, object]:
        """Return the seconds that a call took, and its answer.

        Raises:
            PeerFailed: it failed, or took more than `seconds`.
        """
        ...


@dataclass
class PeerCalls:
    """The calls of one peer with one program."""

    seconds: list[float] = field(default_factory=list)
    answer: object = None
    failed: str = ""

    def is_done(self, pace: Pace, is_slow: bool) -> bool:
        """Return whether the peer has used its time; only a slow one may stop after one call."""
        least = 1 if is_slow else min(MIN_TIMES, pace.times)
        return len(self.seconds) >= least and sum(self.seconds) >= pace.seconds


async def alternate(
    peers: Mapping[str, Timed], program: str, pace: Pace, slow: set[str]
) -> dict[str, PeerCalls]:
    """Call the peers in turn, one call each, until each has made its calls or used its time.

    Args:
        peers: by name.
        program: one of `programs.PROGRAMS`.
        pace: how often each is called.
        slow: names of slow peers, which get no warm-up; this function adds those that it finds.
    """
    calls = {name: PeerCalls() for name in peers}
    for number in range(-pace.warm_up, pace.times):
        for name, timed in peers.items():
            own = calls[name]
            warms_up = number < 0
            if own.failed or own.is_done(pace, name in slow) or (warms_up and name in slow):
                continue
            await asyncio.sleep(PAUSE_SECONDS)
            try:
                seconds, own.answer = await timed.run(program, CALL_SECONDS)
            except PeerFailed as error:
                own.failed = str(error)
                continue
            if seconds > SLOW_SECONDS:
                slow.add(name)
            if not warms_up:
                own.seconds.append(seconds)
    return calls


def summarise(seconds: Sequence[float]) -> dict[str, Any]:
    """Return median, p95 and p99 in milliseconds, and the number of calls."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive") if len(seconds) > 1 else []
    found: dict[str, Any] = {"median_ms": statistics.median(seconds) * 1e3}
    for (name, least), place in zip(MIN_CALLS.items(), (94, 98), strict=True):
        found[name] = cuts[place] * 1e3 if len(seconds) >= least else None
    return {**found, "times": len(seconds)}


async def measure_program(
    peers: Sequence[Peer], timed: Mapping[str, Timed], program: str, pace: Pace, slow: set[str]
) -> dict[str, dict[str, Any]]:
    """Return an entry for each peer; all that run code must answer as the first one does."""
    entries: dict[str, dict[str, Any]] = {
        peer.name: {"skipped": peer.cannot[program]} for peer in peers if program in peer.cannot
    }
    able = [peer for peer in peers if program not in peer.cannot]
    calls = await alternate({peer.name: timed[peer.name] for peer in able}, program, pace, slow)
    first: PeerCalls | None = None
    for peer in able:
        own = calls[peer.name]
        if not own.failed and program not in peer.by_query:
            first = first or own
            if not agrees(program, own.answer, first.answer):
                own.failed = f"its answer is another: {own.answer!r}"[:200]
        if own.failed:
            entries[peer.name] = {"skipped": own.failed}
            continue
        entries[peer.name] = summarise(own.seconds)
        if bar := BARS.get((peer.name, program)):
            entries[peer.name]["bar"] = {"most": bar}
    rival = entries.get(RIVAL, {}).get("median_ms")
    for name, entry in entries.items():
        if rival is not None and (name, program) in RIVAL_BARS and "median_ms" in entry:
            entry["bar"] = {"most": rival}
    return entries


@asynccontextmanager
async def running_peers(
    peers: Sequence[Peer], document: Document, base_url: str
) -> AsyncIterator[dict[str, Timed]]:
    """Start all peers, each in a process of its own, and wait until they are up."""
    async with AsyncExitStack() as stack:
        started = {
            peer.name: await stack.enter_async_context(running_peer(peer, document.path, base_url))
            for peer in peers
        }
        await asyncio.gather(*(peer.wait_ready() for peer in started.values()))
        yield dict(started)


def choose_document(options: Options) -> Document:
    """Return the first document of `--spec`, or that of `latency_document` by default."""
    if options.specs:
        first = load_documents(options.specs[:1])[0]
        if isinstance(first, Document):
            return first
    return latency_document()


async def measure(options: Options, progress: Progress) -> dict[str, Any]:
    """Return the section: the times of each peer and program."""
    document = choose_document(options)
    pace = QUICK if options.quick else FULL
    absent = {peer.name: why for peer in ALL if (why := missing(peer))}
    present = [peer for peer in ALL if peer.name not in absent]
    found: dict[str, dict[str, Any]] = {peer.name: {"title": peer.title} for peer in present}
    for latency_ms, programs in PROGRAMS.items():
        able = [peer for peer in present if not peer.cannot.keys() >= set(programs)]
        with running(latency_ms=latency_ms) as base_url:
            async with running_peers(able, document, base_url) as timed:
                slow: set[str] = set()
                for program in programs:
                    progress(f"latency: {program}")
                    for name, result in (
                        await measure_program(present, timed, program, pace, slow)
                    ).items():
                        found[name][program] = result
    return {
        "document": document.name,
        "operations": document.operations,
        "peers": found,
        "skipped": absent,
    }
