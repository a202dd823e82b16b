"""The calls under way: each runs apart from its request, and a server that stops waits for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

import anyio

from pymode.errors import SandboxError

T = TypeVar("T")

# A cancelled call kills its worker; this bounds the wait for that.
STOP_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.2


class Calls:
    """The calls of one server."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._is_stopping = False

    def __len__(self) -> int:
        return len(self._running)

    async def run(self, call: Coroutine[Any, Any, T]) -> T:
        """Await a call in a task of its own, so that a cancellation reaches it exactly once.

        anyio cancels again at each await, so a clean-up inside the call would never get through
        one.

        Raises:
            SandboxError: the server stops; the message says what the call had sent.
        """
        if self._is_stopping:
            call.close()
            raise SandboxError("the server is about to stop; try again in a while")
        task = asyncio.create_task(self._finish(call))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise SandboxError("the sandbox was closed during the call") from None
            task.cancel()
            with anyio.move_on_after(STOP_SECONDS, shield=True):
                await asyncio.wait({task})
            raise

    async def _finish(self, call: Coroutine[Any, Any, T]) -> T:
        try:
            return await call
        except asyncio.CancelledError as error:
            if not self._is_stopping:
                raise
            # A cancelled call notes what it had sent.
            notes = getattr(error, "__notes__", [])
            message = "\n".join(["the server was stopped during the call", *notes])
            raise SandboxError(message) from None

    async def drain(self, seconds: float, is_forced: Callable[[], bool]) -> None:
        """Refuse further calls, and wait for those under way.

        Args:
            seconds: after them the rest is cancelled.
            is_forced: whether somebody does not want to wait any longer.
        """
        self._is_stopping = True
        end = time.monotonic() + seconds
        while self._running and time.monotonic() < end and not is_forced():
            await asyncio.wait(self._running, timeout=_POLL_SECONDS)
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=STOP_SECONDS)
