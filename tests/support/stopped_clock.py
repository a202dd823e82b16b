"""A clock that stands still until a test sets it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Clock:
    """Seconds since 1970, as long as nobody changes them."""

    now: float = 1_760_000_000.0

    def __call__(self) -> float:
        return self.now
