"""A peer in its own process, reached through the pipes of `python -m benchmarks.peers`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO, Any

from benchmarks.documents import REPOSITORY
from benchmarks.peers.peer import Peer

ANSWER_BYTES = 2**25
# Long, because a peer may build an image or a factory first.
START_SECONDS, STOP_SECONDS = 240.0, 10.0
MAX_SHOWN_CHARS = 300


class PeerFailed(Exception):
    """A call failed or took too long; the message says why."""


class PeerProcess:
    """A running peer, which takes one request at a time."""

    def __init__(self, process: asyncio.subprocess.Process, complaints: IO[bytes]) -> None:
        self._process = process
        self._complaints = complaints

    async def wait_ready(self) -> float:
        """Wait until the peer is up, and return the MiB that it and its descendants use then."""
        return (await self.ask({"memory": True}, START_SECONDS))["mib"]

    async def run(self, program: str, seconds: float) -> tuple[float, object]:
        """Return how many seconds one call took, and its answer.

        Raises:
            PeerFailed: it failed, or no answer came within `seconds`; then the peer has ended.
        """
        said = await self.ask({"program": program}, seconds)
        return said["seconds"], said["answer"]

    async def ask(self, request: Mapping[str, object], seconds: float) -> dict[str, Any]:
        """Return the answer to a request as `benchmarks.peers.__main__` takes them.

        Raises:
            PeerFailed: as for `run`.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(ConnectionError):
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            await self._process.stdin.drain()
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), seconds)
        except TimeoutError:
            kill_group(self._process)
            raise PeerFailed(f"no answer within {seconds:g} s") from None
        if not line:
            raise PeerFailed(f"its process ended: {self._read_complaints()}")
        said = json.loads(line)
        if "error" in said:
            raise PeerFailed(said["error"])
        return said

    def _read_complaints(self) -> str:
        self._complaints.seek(0)
        return self._complaints.read()[-MAX_SHOWN_CHARS:].decode("utf-8", "replace").strip()


@asynccontextmanager
async def running_peer(
    peer: Peer,
    document: Path,
    base_url: str,
    workers: int = 1,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[PeerProcess]:
    """Start a peer in its own process; `wait_ready` of what is yielded waits until it is up."""
    command = [sys.executable, "-m", "benchmarks.peers", peer.name]
    with tempfile.TemporaryFile() as complaints:
        process = await asyncio.create_subprocess_exec(
            *(*command, str(document), base_url, str(workers)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=complaints,
            cwd=REPOSITORY,
            env={**os.environ, **(environment or {})},
            limit=ANSWER_BYTES,
            # A group of its own, so that the servers and workers below it end with it.
            start_new_session=True,
        )
        try:
            yield PeerProcess(process, complaints)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
            kill_group(process)
            await process.wait()


def kill_group(process: asyncio.subprocess.Process) -> None:
    """End what is left of a peer."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
