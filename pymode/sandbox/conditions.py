"""The clock and the random bytes of one call: real ones, or those of a run that is repeated.

A call that waits for a person is run again from its start when the answer comes. What it asks
for then must be what it asked for before, so the clock and the random bytes must be, too.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from dataclasses import asdict, dataclass
from typing import Self

# Clocks in steps of a millisecond are of little use for timing the host.
CLOCK_NANOSECONDS = 1_000_000
# A loop may read the clock without end; later readings are not recorded.
MAX_READINGS = 10_000
BLOCK_BYTES = 64


@dataclass(frozen=True, slots=True)
class Conditions:
    """What makes a run repeatable; kept by the host, because the seed gives away every random byte.

    Args:
        seed: 32 hexadecimal digits.
        started_at_ns: the wall clock at the start of the first run.
        readings_ms: what the wall clock showed at each reading of the run before, in
            milliseconds since that start.
    """

    seed: str
    started_at_ns: int
    readings_ms: tuple[int, ...] = ()

    @classmethod
    def choose(cls) -> Self:
        """Return conditions with a random seed, that start now."""
        return cls(secrets.token_hex(16), time.time_ns())

    def write(self) -> str:
        """Return the conditions as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the conditions that `write` wrote."""
        found = json.loads(text)
        return cls(found["seed"], found["started_at_ns"], tuple(found["readings_ms"]))


def read_readings(text: str) -> tuple[int, ...]:
    """Read what a worker says of its clock; the worker ran hostile code, so anything may come.

    Raises:
        ValueError: it is no list of whole milliseconds that never goes back.
    """
    found = json.loads(text)
    sound = isinstance(found, list) and all(type(each) is int and each >= 0 for each in found)
    if not sound or len(found) > MAX_READINGS or sorted(found) != found:
        raise ValueError("no readings of a clock")
    return tuple(found)


class ClockAndRandom:
    """The wall clock and the random bytes of guests; one for a worker, prepared for each call."""

    def __init__(self) -> None:
        self.prepare(None)

    def prepare(self, conditions: Conditions | None) -> None:
        """Be real until `begin`, then follow the conditions.

        Args:
            conditions: of the next call; None for the real clock and random bytes throughout.
        """
        self._prepared = conditions
        self._conditions: Conditions | None = None
        self.readings_ms: list[int] = []

    def begin(self) -> None:
        """Start the clock and the random bytes of the call.

        An instance that has rehearsed took random bytes before, one that has not takes some at
        its start: only from here on do two runs of the same code ask for the same.
        """
        self._conditions = self._prepared
        self._position = 0
        self._origin_ns = time.monotonic_ns()
        self.readings_ms = []

    def now(self) -> int:
        """Return the wall clock, in nanoseconds since 1970, in steps of `CLOCK_NANOSECONDS`."""
        if self._conditions is None:
            return _coarse(time.time_ns())
        known = self._conditions.readings_ms
        number = len(self.readings_ms)
        if number < len(known):
            passed_ms = known[number]
            # After the last known reading the clock goes on from it.
            self._origin_ns = time.monotonic_ns() - passed_ms * 1_000_000
        else:
            passed_ms = (time.monotonic_ns() - self._origin_ns) // 1_000_000
        if number < MAX_READINGS:
            self.readings_ms.append(passed_ms)
        return _coarse(self._conditions.started_at_ns) + passed_ms * 1_000_000

    def random_bytes(self, length: int) -> bytes:
        """Return the next random bytes: BLAKE2 of the seed and a counter, or the system's own."""
        if self._conditions is None:
            return os.urandom(length)
        start, self._position = self._position, self._position + length
        first = start // BLOCK_BYTES
        key = bytes.fromhex(self._conditions.seed)
        blocks = (
            hashlib.blake2b(number.to_bytes(8), key=key).digest()
            for number in range(first, (start + length) // BLOCK_BYTES + 1)
        )
        offset = start - first * BLOCK_BYTES
        return b"".join(blocks)[offset : offset + length]


def _coarse(nanoseconds: int) -> int:
    return nanoseconds - nanoseconds % CLOCK_NANOSECONDS
