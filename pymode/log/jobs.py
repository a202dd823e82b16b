"""The work for the database's thread, and its way back to the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pymode.errors import LogError

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A piece of work.

    Args:
        work: called with the connection.
        waiter: gets its answer; None if nobody waits.
        is_read: whether it changes nothing.
        is_last: whether the thread ends after it.
    """

    work: Work[object]
    waiter: asyncio.Future[object] | None = None
    is_read: bool = False
    is_last: bool = False

    def answer(self, value: object) -> None:
        """Give the waiter its answer."""
        self._settle(lambda waiter: waiter.set_result(value))

    def fail(self, error: LogError) -> None:
        """Give the waiter an error."""
        self._settle(lambda waiter: waiter.set_exception(error))

    def _settle(self, use: Callable[[asyncio.Future[object]], None]) -> None:
        waiter = self.waiter
        if waiter is None:
            return

        def settle() -> None:
            # Whoever waited may have been cancelled.
            if not waiter.done():
                use(waiter)

        # The loop may have ended before its answer came.
        with contextlib.suppress(RuntimeError):
            waiter.get_loop().call_soon_threadsafe(settle)


def do_nothing(_: sqlite3.Connection) -> None:
    """Work that only waits for what was asked before."""
