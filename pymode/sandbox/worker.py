"""A worker process: runs one call at a time, each in a fresh instance.

It holds no token, no environment and no network: what the guest asks for goes to the parent as
frames. While idle it makes the next instance and lets it rehearse, so that the page faults of a
cold instance fall outside the call; an instance is never used twice.
"""

from __future__ import annotations

import json
import math
import os
import select
import sys
import threading
import time
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

from wasmtime import WasmtimeError

from pymode.limits import Limits
from pymode.sandbox import hardening
from pymode.sandbox.conditions import Conditions, Surroundings
from pymode.sandbox.frames import STOP, Kind, Reader, pack
from pymode.sandbox.runtime import THREAD_STACK_BYTES, Guest, Runtime, Trap

INPUT, OUTPUT = 0, 1
READ_BYTES = 1024 * 1024
# Room in a frame for what travels beside the largest result or reply.
FRAME_MARGIN_BYTES = 1024 * 1024
# The limit of the calls may be too small for a rehearsal, which costs about 4 million.
REHEARSAL_FUEL = 10**10
# A worker that is asked again within this time has no time to rehearse.
IDLE_SECONDS = 0.005


class Pipe:
    """Frames from and to the parent. When the parent is gone, so is this process."""

    def __init__(self, frame_bytes: int) -> None:
        self._reader = Reader(frame_bytes)
        self._frames: list[tuple[Kind, str]] = []
        self._poll = select.poll()
        self._poll.register(INPUT, select.POLLIN)

    def send(self, kind: Kind, text: str) -> None:
        """Write one frame."""
        data = memoryview(pack(kind, text))
        while data:
            data = data[os.write(OUTPUT, data) :]

    def ready(self, seconds: float | None) -> bool:
        """Wait until there is a frame; return False when `seconds` (None: no end) pass first."""
        end = None if seconds is None else time.monotonic() + seconds
        while not self._frames:
            frame = self._reader.next()
            if frame is not None:
                self._frames.append(frame)
                continue
            rest = None if end is None else max(0.0, end - time.monotonic())
            if not self._poll.poll(None if rest is None else rest * 1000):
                return False
            data = os.read(INPUT, READ_BYTES)
            if not data:
                os._exit(0)
            self._reader.feed(data)
        return True

    def take(self, kind: Kind) -> list[str]:
        """Return what frames of `kind` are there; the others stay."""
        while (frame := self._reader.next()) is not None:
            self._frames.append(frame)
        taken = [text for each, text in self._frames if each is kind]
        self._frames = [frame for frame in self._frames if frame[0] is not kind]
        return taken


class Bridge:
    """What the guest may ask of its host, for the call that runs now."""

    def __init__(self, pipe: Pipe, limits: Limits) -> None:
        self._pipe = pipe
        self._limits = limits
        # Never started again, so that a late reply to an earlier call finds no one.
        self._ids = count(1)
        self._last_id = 0
        # Held to move the deadline, and to act on one that has passed.
        self.lock = threading.Lock()
        self.begin()
        self.end()

    def begin(self) -> None:
        """Start a call: nothing printed, nothing asked, all its time ahead."""
        with self.lock:
            self.deadline = time.monotonic() + self._limits.wall_seconds
        self.printed: list[str] = []
        self._printed_chars = 0
        self._started = 0
        self._first_id = self._last_id + 1
        self.stopped_by: str | None = None

    def start(self, target: str, payload: str) -> int:
        """Send a host call to the parent, which counts and answers it."""
        self._started += 1
        # The parent refuses what is over the limit; a guest that goes on asking is ended.
        if self._started > 2 * self._limits.host_calls + 100:
            self._stop("host_calls")
        if _is_longer(payload, self._limits.request_bytes):
            self._stop("request_bytes")
        number = self._last_id = next(self._ids)
        self._pipe.send(Kind.START, f"{number}\n{target[:100]}\n{payload}")
        return number

    def wait(self, seconds: float) -> list[SimpleNamespace]:
        """Return the replies that have come, at the latest at the deadline of the call."""
        rest = self.deadline - time.monotonic()
        # Not a number compares as false: it waits like no time-out at all.
        timeout = min(seconds, rest) if seconds >= 0 else rest
        if not self._pipe.ready(max(0.0, timeout)) and time.monotonic() >= self.deadline:
            self._stop("wall_seconds")
        texts = (text.partition("\n") for text in self._pipe.take(Kind.REPLY))
        replies = [SimpleNamespace(id=int(number), reply=reply) for number, _, reply in texts]
        if any(reply.reply == STOP and reply.id >= self._first_id for reply in replies):
            self._stop("paused")
        return replies

    def end(self) -> None:
        """End a call: there is no deadline while the worker is idle."""
        with self.lock:
            self.deadline = math.inf

    def print(self, text: str) -> None:
        """Keep what the code printed; the guest counts too, and says so more kindly."""
        self._printed_chars += len(text)
        if self._printed_chars > 2 * self._limits.printed_chars:
            self._stop("printed_chars")
        if text:
            self.printed.append(text)

    def _stop(self, limit: str) -> NoReturn:
        self.stopped_by = limit
        raise WasmtimeError(f"stopped by the limit {limit}")


class Worker:
    """Takes calls from the parent, one after the other."""

    def __init__(self, image: Path, image_memory_bytes: int, limits: Limits) -> None:
        # JSON writes some characters of the code as six.
        largest = max(
            limits.response_bytes * 2,
            limits.result_bytes,
            limits.source_bytes * 6,
            limits.state_bytes * 6,
        )
        self._pipe = Pipe(largest + FRAME_MARGIN_BYTES)
        self._limits = limits
        self._bridge = Bridge(self._pipe, limits)
        self._surroundings = Surroundings()
        host = {name: getattr(self._bridge, name) for name in ("start", "wait", "print")}
        host["begin"] = self._surroundings.begin
        memory_bytes = image_memory_bytes + limits.memory_bytes
        self._runtime = Runtime(image, memory_bytes, host, self._surroundings)

    def watch(self) -> NoReturn:
        """End the guest that is busy past its deadline.

        Every deadline is set `wall_seconds` ahead, so a sleep of that length misses none.
        """
        wall_seconds = self._limits.wall_seconds
        while True:
            with self._bridge.lock:
                rest = self._bridge.deadline - time.monotonic()
                if rest <= 0:
                    self._runtime.engine.increment_epoch()
            time.sleep(min(rest, wall_seconds) if rest > 0 else wall_seconds)

    def serve(self) -> None:
        """Answer calls until the parent closes the pipe."""
        guest = self._rehearse(self._runtime.instantiate(REHEARSAL_FUEL))
        self._pipe.send(Kind.READY, hardening.close_doors())
        while True:
            guest = guest or self._next_guest()
            self._pipe.ready(None)
            self._pipe.take(Kind.REPLY)  # to host calls that outlived their call
            requests = self._pipe.take(Kind.CALL)
            if not requests:
                continue
            guest = guest or self._runtime.instantiate(REHEARSAL_FUEL)
            conditions, _, request = requests[0].rpartition("\n")
            self._surroundings.prepare(Conditions.read(conditions) if conditions else None)
            self._bridge.begin()
            self._pipe.send(Kind.DONE, self._run(guest, request))
            self._bridge.end()
            self._surroundings.prepare(None)
            guest.close()
            guest = None

    def _next_guest(self) -> Guest | None:
        """Make the next instance, and let it rehearse where nobody waits for this worker.

        A rehearsal takes longer than it saves, so a caller that follows on the heels of another
        meets an instance that is fresh but cold.
        """
        if self._pipe.ready(0):
            return None
        guest = self._runtime.instantiate(REHEARSAL_FUEL)
        return guest if self._pipe.ready(IDLE_SECONDS) else self._rehearse(guest)

    def _rehearse(self, guest: Guest) -> Guest | None:
        """Return the guest, or None when memory or time are too short even for a rehearsal."""
        self._bridge.begin()
        try:
            guest.rehearse()
        except Trap:
            guest.close()
            return None
        finally:
            self._bridge.end()
        return guest

    def _run(self, guest: Guest, request: str) -> str:
        started = time.monotonic()
        stopped_by: str | None = None
        outcome = ""
        try:
            outcome = guest.run(request, self._limits.fuel)
            if _is_longer(outcome, self._limits.result_bytes + FRAME_MARGIN_BYTES):
                stopped_by, outcome = "result_bytes", ""
        except Trap as trap:
            stopped_by = self._bridge.stopped_by or trap.cause
            if stopped_by == "crash":
                print(f"pymode: a guest crashed: {trap.message}", file=sys.stderr)  # noqa: T201
            if stopped_by == "paused":
                outcome = json.dumps(self._surroundings.readings_ms)
        head = {
            "stopped_by": stopped_by,
            "fuel": self._limits.fuel - guest.fuel_left(),
            "seconds": time.monotonic() - started,
            "logs": "".join(self._bridge.printed),
        }
        return f"{json.dumps(head)}\n{outcome}"


def _is_longer(text: str, size_bytes: int) -> bool:
    """Say whether the UTF-8 of a text has more bytes than that."""
    if len(text) > size_bytes or text.isascii():
        return len(text) > size_bytes
    return len(text.encode("utf-8", "replace")) > size_bytes


def main() -> None:
    """Run a worker; its settings are one JSON argument, its pipes are stdin and stdout."""
    settings = json.loads(sys.argv[1])
    hardening.lower_privileges()
    worker = Worker(
        Path(settings["image"]), settings["image_memory_bytes"], Limits(**settings["limits"])
    )
    threading.stack_size(THREAD_STACK_BYTES)
    threading.Thread(target=worker.watch, daemon=True).start()
    runner = threading.Thread(target=_serve, args=(worker,))
    runner.start()
    runner.join()


def _serve(worker: Worker) -> None:
    """Serve, and take the process along when that fails: the parent starts another."""
    try:
        worker.serve()
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
