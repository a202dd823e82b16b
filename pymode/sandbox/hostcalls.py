"""The host calls of one call, as the parent answers them; `call/` gives the answers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from pymode.errors import SandboxError
from pymode.limits import Limits
from pymode.protocol.frames import TooLarge
from pymode.protocol.messages import HostCall, HostReply, Stop, ToWorker, Waiting
from pymode.protocol.replies import INTERNAL_FAILURE, Failure, FailureKind

HostCallHandler: TypeAlias = Callable[[str, str], Awaitable[str]]
"""Answers one host call: target and payload in, written reply out. It may raise `StopGuest`."""

logger = logging.getLogger(__name__)


class StopGuest(BaseException):
    """Raised by a handler to end the guest: the call waits for a person, and runs again later.

    It is no `Exception`, so that no handler on its way takes it for a failure of a request.
    """


class Activity:
    """What the guest of one call is doing, as far as its worker has told."""

    def __init__(self) -> None:
        self._unanswered = 0
        self._held = 0
        self._answered = 0
        self._waiting: Waiting | None = None
        self._changed = asyncio.Event()

    def start(self) -> None:
        """Note that the guest started a host call: it was awake."""
        self._unanswered += 1
        self._waiting = None

    def answer(self) -> None:
        """Note that a host call has its reply, which is on its way from now on."""
        self._unanswered -= 1
        self._answered += 1
        self._changed.set()

    def hold(self) -> None:
        """Note that a host call is held back: this run of the code gets no reply to it."""
        self._held += 1
        self._changed.set()

    def wait(self, waiting: Waiting) -> None:
        """Note that the guest waits."""
        self._waiting = waiting
        self._changed.set()

    @property
    def is_idle(self) -> bool:
        """Whether nothing happens any more in this run: only held host calls could go on."""
        # Of replies that are under way the guest had not heard when it said that it waits.
        has_all = self._waiting is not None and self._waiting.replies == self._answered
        return has_all and self._unanswered == self._held

    async def wait_for_change(self) -> None:
        """Wait until the guest, or what answers it, has gone on."""
        self._changed.clear()
        await self._changed.wait()


@dataclass(slots=True)
class HostCallRunner:
    """Answers the host calls of one call, and keeps their limits whatever the guest does.

    Args:
        handler: answers one.
        limits: of the call.
        send: takes a message for the worker.
        drain: waits until the worker has read what was sent.
        activity: of the guest.
    """

    handler: HostCallHandler
    limits: Limits
    send: Callable[[ToWorker], None]
    drain: Callable[[], Awaitable[None]]
    activity: Activity
    started: int = 0
    waits: int = 0
    running: set[asyncio.Task[None]] = field(default_factory=set)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def start(self, call: HostCall) -> None:
        """Start a host call, or answer that it is over a limit.

        Raises:
            SandboxError: the worker did not end a guest that went on for far too long.
        """
        self.started += 1
        self.activity.start()
        # A worker ends its guest before that.
        if self.started > 2 * self.limits.host_calls + 200:
            raise SandboxError("a worker did not end a guest that flooded it with requests")
        if self.started > self.limits.host_calls:
            self._refuse(call.id, f"more than {self.limits.host_calls} requests in one call")
        elif len(self.running) >= self.limits.host_calls_in_flight:
            most = self.limits.host_calls_in_flight
            self._refuse(
                call.id, f"more than {most} requests at once; use asyncio.Semaphore({most})"
            )
        else:
            task = asyncio.create_task(self._answer(call))
            self.running.add(task)
            task.add_done_callback(self.running.discard)

    def wait(self, waiting: Waiting) -> None:
        """Note that the guest waits.

        Raises:
            SandboxError: the worker says so more often than there is a reason for.
        """
        self.waits += 1
        # Once at first, then once after each host call and once after each reply.
        if self.waits > 2 * self.started + 1:
            raise SandboxError("a worker told again and again that its guest waits")
        self.activity.wait(waiting)

    async def stop(self) -> None:
        """Cancel what still runs, and wait until it has ended."""
        tasks = list(self.running)
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def _answer(self, call: HostCall) -> None:
        try:
            reply = await self.handler(call.target, call.payload)
        except StopGuest:
            self.send(Stop(call.id))
            return
        except Exception:
            # The guest would wait for it until its deadline.
            logger.exception("a host call failed")
            reply = INTERNAL_FAILURE.write()
        # Before the first wait below: a pause must not take the guest for idle meanwhile.
        self.activity.answer()
        # A guest that does not listen must not pile up replies here: each waits until the one
        # before it has left, and counts as in flight until then.
        async with self.turn:
            with contextlib.suppress(ConnectionError):
                await self.drain()
            self._send_reply(call.id, reply)

    def _refuse(self, number: int, message: str) -> None:
        self.activity.answer()
        self.send(HostReply(number, Failure(FailureKind.LIMIT, message).write()))

    def _send_reply(self, number: int, reply: str) -> None:
        """Send a reply, or a refusal in its place where no frame can hold it.

        A body that is within its limit may grow threefold when it is decoded to text.
        """
        try:
            self.send(HostReply(number, reply))
        except TooLarge as error:
            message = (
                f"this was done, but its answer is too large for the sandbox: as text it has "
                f"{error.size_bytes:,} bytes, and at most {error.most_bytes:,} can be read; "
                "ask for less at once"
            )
            self.send(HostReply(number, Failure(FailureKind.TOO_LARGE, message).write()))
