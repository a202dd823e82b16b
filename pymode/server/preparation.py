"""Prepares the sandbox once, in the background; early callers wait and see the progress."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from pymode.errors import PymodeError

if TYPE_CHECKING:
    from pymode.call.service import Service

Report = Callable[[float, str], Awaitable[None]]

# A build that does not listen to its cancellation must not keep the process.
_STOP_SECONDS = 5.0

_log = logging.getLogger(__name__)


class Preparation:
    """One shared `Service.prepare`, which calls can wait for and watch.

    A failed attempt is told to the calls that waited for it; the next call starts another.

    Args:
        code_mode: entered by `open`, left by `aclose`.
    """

    def __init__(self, code_mode: Service) -> None:
        self._code_mode = code_mode
        self._is_open = False
        self._task: asyncio.Task[None] | None = None
        self._fraction = 0.0
        self._sentence = "starting the sandbox"
        self._moved = asyncio.Event()

    async def open(self) -> None:
        """Enter the service and start to prepare it; a second call does nothing."""
        if not self._is_open:
            self._is_open = True
            await self._code_mode.__aenter__()
            self._start()

    async def aclose(self) -> None:
        """Stop what is under way and leave the service."""
        if not self._is_open:
            return
        self._is_open = False
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_STOP_SECONDS)
        await self._code_mode.__aexit__(None, None, None)

    async def wait(self, report: Report) -> None:
        """Return when the sandbox is ready.

        Args:
            report: told a growing fraction (0 to 1) and a sentence, as long as there is a wait.

        Raises:
            PymodeError: the spec, the image or the sandbox could not be made ready.
        """
        task = self._start()
        told = -1.0
        while not task.done():
            moved = self._moved
            if self._fraction > told:
                told = self._fraction
                await report(told, self._sentence)
            await _first(task, moved)
        task.result()

    def _start(self) -> asyncio.Task[None]:
        """Return the attempt that is under way or succeeded, or start a new one."""
        task = self._task
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            self._fraction = 0.0
            task = self._task = asyncio.create_task(self._prepare(), name="prepare")
            task.add_done_callback(_log_failure)
        return task

    async def _prepare(self) -> None:
        loop = asyncio.get_running_loop()

        def move(fraction: float, sentence: str) -> None:
            # An image is built outside the loop's thread, and may report from there.
            loop.call_soon_threadsafe(self._move, fraction, sentence)

        await self._code_mode.prepare(move)

    def _move(self, fraction: float, sentence: str) -> None:
        self._fraction, self._sentence = fraction, sentence
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()


async def _first(task: asyncio.Task[None], moved: asyncio.Event) -> None:
    move = asyncio.create_task(moved.wait())
    try:
        await asyncio.wait({task, move}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        move.cancel()


def _log_failure(task: asyncio.Task[None]) -> None:
    if task.cancelled() or (error := task.exception()) is None:
        return
    if isinstance(error, PymodeError):
        _log.error("the sandbox is not ready: %s", error)
    else:
        _log.error("the sandbox is not ready", exc_info=error)
