"""A worker process: runs one call at a time, each in a fresh instance.

It holds no token, no environment and no network: what the guest asks for goes to the parent as
messages. While idle it makes the next instance and lets it rehearse, so that the page faults of a
cold instance fall outside the call; an instance is never used twice.
"""

from __future__ import annotations

import json
import math
import os
import sys
import threading
import time
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

from wasmtime import WasmtimeError

from pymode.limits import MIB, Limits
from pymode.protocol.frames import TooLarge
from pymode.protocol.messages import (
    PAUSE_SECONDS,
    Call,
    Done,
    HostCall,
    HostReply,
    Ready,
    Settings,
    Stop,
    Waiting,
)
from pymode.sandbox import hardening
from pymode.sandbox.conditions import ClockAndRandom, Conditions
from pymode.sandbox.engine import THREAD_STACK_BYTES
from pymode.sandbox.pipe import Pipe
from pymode.sandbox.runtime import Guest, Runtime, Trap

# The guest's outcome has a head with notes beside the value.
OUTCOME_MARGIN_BYTES = MIB
# The limit of the calls may be too small for a rehearsal, which costs about 4 million.
REHEARSAL_FUEL = 10**10
# A worker that is asked again within this time has no time to rehearse.
IDLE_SECONDS = 0.005


class Bridge:
    """What the guest may ask of its host, for the call that runs now."""

    def __init__(self, pipe: Pipe, limits: Limits) -> None:
        self._pipe = pipe
        self._limits = limits
        # Never reset, so that a late reply to an earlier call matches no host call of this one.
        self._ids = count(1)
        self._last_id = 0
        # Held to move the deadline, and to act on one that has passed.
        self.lock = threading.Lock()
        self.begin(may_pause=False)
        self.end()

    def begin(self, *, may_pause: bool) -> None:
        """Start a call: nothing printed, nothing asked, all its time ahead.

        Args:
            may_pause: whether the parent wants to know when the guest waits.
        """
        with self.lock:
            self.deadline = time.monotonic() + self._limits.wall_seconds
        self._may_pause = may_pause
        self._replies = 0
        # Host calls and replies at the last `Waiting`: there is one for each of them.
        self._waited_at = (-1, -1)
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
        try:
            self._pipe.send(HostCall(number, target, payload))
        except TooLarge:
            self._stop("request_bytes")
        return number

    def wait(self, seconds: float) -> list[SimpleNamespace]:
        """Return the replies that have come, at the latest at the deadline of the call."""
        if self._may_pause:
            self._tell_that_it_waits(seconds)
        rest = self.deadline - time.monotonic()
        # NaN compares as false, so it means no time-out, as a negative number does.
        timeout = min(seconds, rest) if seconds >= 0 else rest
        if not self._pipe.ready(max(0.0, timeout)) and time.monotonic() >= self.deadline:
            self._stop("wall_seconds")
        # Late messages of an earlier call have smaller numbers.
        if any(stop.id >= self._first_id for stop in self._pipe.take(Stop)):
            self._stop("paused")
        replies = self._pipe.take(HostReply)
        self._replies += len(replies)
        return [SimpleNamespace(id=reply.id, reply=reply.text) for reply in replies]

    def _tell_that_it_waits(self, seconds: float) -> None:
        """Tell the parent that only a reply, or a timer far away, lets the guest go on."""
        now = (self._started, self._replies)
        has_near_timer = 0 <= seconds < PAUSE_SECONDS
        if has_near_timer or now == self._waited_at or self._pipe.ready(0):
            return
        self._waited_at = now
        self._pipe.send(Waiting(self._replies))

    def end(self) -> None:
        """End a call: there is no deadline while the worker is idle."""
        with self.lock:
            self.deadline = math.inf

    def print(self, text: str) -> None:
        """Keep what the code printed. The guest counts, too, and its error names the line."""
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
        self._pipe = Pipe(limits)
        self._limits = limits
        self._bridge = Bridge(self._pipe, limits)
        self._clock = ClockAndRandom()
        host = {name: getattr(self._bridge, name) for name in ("start", "wait", "print")}
        host["begin"] = self._clock.begin
        memory_bytes = image_memory_bytes + limits.memory_bytes
        self._runtime = Runtime(image, memory_bytes, host, self._clock)

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
        self._pipe.send(Ready(hardening.confine()))
        while True:
            guest = guest or self._next_guest()
            self._pipe.ready(None)
            # To host calls that outlived their call.
            self._pipe.take(HostReply, Stop)
            calls = self._pipe.take(Call)
            if not calls:
                continue
            call = calls[0]
            guest = guest or self._runtime.instantiate(REHEARSAL_FUEL)
            conditions = Conditions.read(call.conditions) if call.conditions else None
            self._clock.prepare(conditions)
            self._bridge.begin(may_pause=conditions is not None)
            self._finish(self._run(guest, call.request))
            self._bridge.end()
            self._clock.prepare(None)
            guest.close()
            guest = None

    def _next_guest(self) -> Guest | None:
        """Make the next instance, and let it rehearse where nobody waits for this worker.

        A rehearsal takes longer than it saves, so a caller that follows another at once gets an
        instance that has not rehearsed.
        """
        if self._pipe.ready(0):
            return None
        guest = self._runtime.instantiate(REHEARSAL_FUEL)
        return guest if self._pipe.ready(IDLE_SECONDS) else self._rehearse(guest)

    def _rehearse(self, guest: Guest) -> Guest | None:
        """Return the guest, or None when memory or time are too short even for a rehearsal."""
        self._bridge.begin(may_pause=False)
        try:
            guest.rehearse()
        except Trap:
            guest.close()
            return None
        finally:
            self._bridge.end()
        return guest

    def _finish(self, done: Done) -> None:
        """Tell the parent that the call has ended; where no frame holds that, without the rest."""
        try:
            self._pipe.send(done)
        except TooLarge:
            self._pipe.send(Done("result_bytes", done.fuel, done.seconds, "", ""))

    def _run(self, guest: Guest, request: str) -> Done:
        started = time.monotonic()
        stopped_by: str | None = None
        outcome = ""
        try:
            outcome = guest.run(request, self._limits.fuel)
            if _is_longer(outcome, self._limits.result_bytes + OUTCOME_MARGIN_BYTES):
                stopped_by, outcome = "result_bytes", ""
        except Trap as trap:
            stopped_by = self._bridge.stopped_by or trap.cause
            if stopped_by == "crash":
                print(f"pymode: a guest crashed: {trap.message}", file=sys.stderr)  # noqa: T201
            if stopped_by == "paused":
                outcome = json.dumps(self._clock.readings_ms)
        return Done(
            stopped_by,
            fuel=self._limits.fuel - guest.fuel_left(),
            seconds=time.monotonic() - started,
            logs="".join(self._bridge.printed),
            outcome=outcome,
        )


def _is_longer(text: str, size_bytes: int) -> bool:
    """Say whether the UTF-8 of a text has more bytes than that."""
    if len(text) > size_bytes or text.isascii():
        return len(text) > size_bytes
    return len(text.encode("utf-8", "replace")) > size_bytes


def main() -> None:
    """Run a worker; its settings are one JSON argument, its pipes are stdin and stdout."""
    settings = Settings.read(sys.argv[1])
    hardening.lower_privileges()
    worker = Worker(Path(settings.image), settings.image_memory_bytes, settings.limits)
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
