"""A worker process: runs one call at a time, each from the same snapshot.

It holds no token, no environment and no network: what the guest asks for goes to the parent as
messages. After a call that ended by itself its instance becomes exactly what the snapshot is, see
`snapshot`; after any other its instance is thrown away, as it is after a number of calls.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import threading
import time
from itertools import count
from pathlib import Path
from typing import Final, NoReturn

from pymode.limits import MIB, Limits
from pymode.protocol.frames import TooLarge
from pymode.protocol.loading import HEADROOM_BYTES
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
from pymode.sandbox import hardening, imports, linked
from pymode.sandbox.conditions import ClockAndRandom, Conditions
from pymode.sandbox.engine import THREAD_STACK_BYTES
from pymode.sandbox.instance import Instance, Trap
from pymode.sandbox.pipe import Pipe
from pymode.sandbox.snapshot import Snapshot

# The guest's outcome has a head with notes beside the value.
OUTCOME_MARGIN_BYTES: Final = MIB
# The limit of the calls may be too small for a rehearsal, which costs about 4 million.
REHEARSAL_FUEL: Final = 10**10
# Depth: should restoring ever leave a trace, it does not last. A new instance costs some 3 ms.
CALLS_OF_AN_INSTANCE: Final = 1000
# What a guest may be ended by; anything else is a fault of the sandbox, and counts as a crash.
CAUSES: Final = frozenset(
    {
        *("fuel", "wall_seconds", "stack", "refused", "memory_bytes", "paused", "crash"),
        *("host_calls", "request_bytes", "printed_chars"),
    }
)


class Bridge:
    """What the guest may ask of its host, for the call that runs now; see `imports.Host`."""

    def __init__(self, pipe: Pipe, limits: Limits) -> None:
        self.clock = ClockAndRandom()
        self._pipe = pipe
        self._limits = limits
        # Never reset, so that a late reply to an earlier call matches no host call of this one.
        self._ids = count(1)
        self._last_id = 0
        # Held to move the deadline, and to act on one that has passed.
        self.lock = threading.Lock()
        self.begin_call("")
        self.end_call()

    def begin_call(self, conditions: str) -> None:
        """Start a call: nothing printed, nothing asked, all its time ahead.

        Args:
            conditions: those of a call that may pause, so that the parent wants to know when the
                guest waits; "" for one that never does.
        """
        with self.lock:
            self.deadline = time.monotonic() + self._limits.wall_seconds
        self.clock.prepare(Conditions.read(conditions) if conditions else None)
        self._may_pause = bool(conditions)
        self._replies = 0
        # Host calls and replies at the last `Waiting`: there is one for each of them.
        self._waited_at = (-1, -1)
        self.printed: list[str] = []
        self._printed_chars = 0
        self.started = 0
        self._first_id = self._last_id + 1

    def end_call(self) -> None:
        """End a call: there is no deadline while the worker is idle."""
        with self.lock:
            self.deadline = math.inf

    def begin(self) -> None:
        """Start the clock and the random bytes of the call."""
        self.clock.begin()

    def start(self, target: str, payload: str) -> int:
        """Send a host call to the parent, which counts and answers it."""
        self.started += 1
        # The parent refuses what is over the limit; a guest that goes on asking is ended.
        if self.started > 2 * self._limits.host_calls + 100:
            raise imports.Stop("host_calls")
        if _is_longer(payload, self._limits.request_bytes):
            raise imports.Stop("request_bytes")
        number = self._last_id = next(self._ids)
        try:
            self._pipe.send(HostCall(number, target, payload))
        except TooLarge:
            raise imports.Stop("request_bytes") from None
        return number

    def wait(self, seconds: float) -> list[tuple[int, bytes]]:
        """Return the replies that have come, at the latest at the deadline of the call."""
        if self._may_pause:
            self._tell_that_it_waits(seconds)
        rest = self.deadline - time.monotonic()
        # NaN compares as false, so it means no time-out, as a negative number does.
        timeout = min(seconds, rest) if seconds >= 0 else rest
        if not self._pipe.ready(max(0.0, timeout)) and time.monotonic() >= self.deadline:
            raise imports.Stop("wall_seconds")
        # Late messages of an earlier call have smaller numbers.
        if any(stop.id >= self._first_id for stop in self._pipe.take(Stop)):
            raise imports.Stop("paused")
        replies = self._pipe.take(HostReply)
        self._replies += len(replies)
        return [(reply.id, reply.text.encode()) for reply in replies]

    def _tell_that_it_waits(self, seconds: float) -> None:
        """Tell the parent that only a reply, or a timer far away, lets the guest go on."""
        now = (self.started, self._replies)
        has_near_timer = 0 <= seconds < PAUSE_SECONDS
        if has_near_timer or now == self._waited_at or self._pipe.ready(0):
            return
        self._waited_at = now
        self._pipe.send(Waiting(self._replies))

    def print(self, text: str) -> None:
        """Keep what the code printed. The guest counts, too, and its error names the line."""
        self._printed_chars += len(text)
        if self._printed_chars > 2 * self._limits.printed_chars:
            raise imports.Stop("printed_chars")
        if text:
            self.printed.append(text)


class Worker:
    """Takes calls from the parent, one after the other."""

    def __init__(self, settings: Settings) -> None:
        limits = settings.limits
        self._limits = limits
        self._compares = settings.compares
        self._pipe = Pipe(limits)
        self._bridge = Bridge(self._pipe, limits)
        self._runtime = linked.read(Path(settings.runtime))
        self._snapshot = Snapshot(Path(settings.snapshot))
        # Where the kernel does not list written pages, as on macOS, each call has a fresh instance.
        with contextlib.suppress(OSError):
            self._snapshot.open_page_map()
        # The headroom is a part of the snapshot, but a call uses it.
        added = max(0, limits.memory_bytes - HEADROOM_BYTES)
        self._memory_bytes = self._snapshot.memory_bytes + added

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
        left = self._rehearse(self._make_instance())
        self._pipe.send(Ready(hardening.confine()))
        calls = 0
        while True:
            instance, left = left or self._make_instance(), None
            self._pipe.ready(None)
            # To host calls that outlived their call.
            self._pipe.take(HostReply, Stop)
            for call in self._pipe.take(Call)[:1]:
                calls += 1
                done = self._run(instance, call)
                # A comparison that fails must fail the call that left the trace.
                if not self._compares:
                    self._finish(done)
                is_sound = done.stopped_by is None and calls % CALLS_OF_AN_INSTANCE != 0
                left = self._leave(instance, is_sound=is_sound)
                if self._compares:
                    self._finish(done)

    def _make_instance(self) -> Instance:
        """Return an instance that is what the snapshot is."""
        instance = Instance(self._runtime, self._bridge, self._memory_bytes, self._bridge.clock)
        self._snapshot.enter(instance)
        return instance

    def _rehearse(self, instance: Instance) -> Instance | None:
        """Run a call that does nothing, so that the first one meets fewer page faults.

        Returns:
            The restored instance, or None if the limits are too small even for a rehearsal.
        """
        try:
            instance.call("rehearse", None, REHEARSAL_FUEL)
        except Trap:
            instance.close()
            return None
        return self._leave(instance, is_sound=True)

    def _leave(self, instance: Instance, *, is_sound: bool) -> Instance | None:
        """Make an instance what the snapshot is, or throw it away where that cannot be.

        Args:
            instance: a call has ended in it.
            is_sound: whether the call ended by itself, and the instance is not too old.
        """
        has_grown = instance.memory_bytes != self._snapshot.memory_bytes
        if not is_sound or has_grown or not self._snapshot.can_restore:
            instance.close()
            return None
        self._snapshot.restore(instance)
        if self._compares and not self._snapshot.is_restored(instance):
            raise RuntimeError("a restored instance is not what the snapshot is")
        return instance

    def _finish(self, done: Done) -> None:
        """Tell the parent that the call has ended; where no frame holds that, without the rest."""
        try:
            self._pipe.send(done)
        except TooLarge:
            self._pipe.send(Done("result_bytes", done.fuel, done.seconds, "", ""))

    def _run(self, instance: Instance, call: Call) -> Done:
        started = time.monotonic()
        stopped_by: str | None = None
        outcome = ""
        self._bridge.begin_call(call.conditions)
        try:
            written = instance.call("run", call.request.encode(), self._limits.fuel, ticks=1)
            outcome = written.decode()
            if len(written) > self._limits.result_bytes + OUTCOME_MARGIN_BYTES:
                stopped_by, outcome = "result_bytes", ""
        except UnicodeDecodeError:
            # A component would not let such a text out.
            stopped_by = "crash"
        except Trap as trap:
            stopped_by = trap.cause if trap.cause in CAUSES else "crash"
            if stopped_by == "crash":
                print(f"pymode: a guest crashed: {trap.cause} {trap.message}", file=sys.stderr)  # noqa: T201
            if stopped_by == "paused":
                outcome = json.dumps(self._bridge.clock.readings_ms)
        finally:
            self._bridge.end_call()
        return Done(
            stopped_by,
            fuel=self._limits.fuel - instance.fuel_left(),
            seconds=time.monotonic() - started,
            logs="".join(self._bridge.printed),
            outcome=outcome,
            host_calls=self._bridge.started,
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
    worker = Worker(settings)
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
