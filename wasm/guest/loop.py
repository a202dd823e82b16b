"""An asyncio event loop whose only source of events is the host.

There are no sockets, pipes or threads to watch: `wait` blocks until a host call ends or the
next timer is due, and everything above it is asyncio as it is.
"""

import asyncio
from asyncio import base_events
from collections.abc import Iterator
from typing import Any, NoReturn

from guest.source import FILENAME
from wit_world.imports import host


class Deadlock(RuntimeError):
    """Every task waits, and neither a timer nor a host call could wake one."""


class HostSelector:
    """What `BaseEventLoop` expects of a selector, answered by the host's `wait`."""

    def __init__(self, loop: "HostLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[host.Completion]:
        """Return the host calls that ended, within `timeout` seconds (None: no time-out).

        Raises:
            Deadlock: there is neither a host call nor a timer to wait for; the host could only
                let the deadline pass.
        """
        if timeout is None and not self._loop.replies:
            raise Deadlock(_describe_deadlock(self._loop))
        return host.wait(-1.0 if timeout is None else timeout)

    def close(self) -> None:
        """Do nothing: there is nothing to release."""


class HostLoop(base_events.BaseEventLoop):
    """The event loop of one call."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = HostSelector(self)
        self.replies: dict[int, asyncio.Future[str]] = {}

    async def call(self, target: str, payload: str) -> str:
        """Start a host call and return its reply."""
        reply: asyncio.Future[str] = self.create_future()
        self.replies[host.start(target, payload)] = reply
        return await reply

    def call_now(self, target: str, payload: str, most_in_flight: int) -> str:
        """Make a host call and block until its reply; other replies reach their tasks.

        Args:
            target: who answers.
            payload: what is asked.
            most_in_flight: host calls at once; this one waits until it is one of them.
        """
        while len(self.replies) >= most_in_flight:
            self._process_events(host.wait(-1.0))
        number = host.start(target, payload)
        while True:
            completions = host.wait(-1.0)
            self._process_events(completions)
            for completion in completions:
                if completion.id == number:
                    return completion.reply

    def run_in_executor(self, executor: object, func: object, *args: object) -> NoReturn:
        """Refuse: WASI has no threads."""
        msg = (
            "there are no threads in the sandbox: call the function directly; requests run at once "
            "with asyncio.gather"
        )
        raise RuntimeError(msg)

    def _process_events(self, completions: list[host.Completion]) -> None:
        for completion in completions:
            reply = self.replies.pop(completion.id, None)
            if reply is not None and not reply.done():
                reply.set_result(completion.reply)

    def _write_to_self(self) -> None:
        """Do nothing: no other thread can wake the loop."""


def _find_lines(task: asyncio.Task[object]) -> Iterator[int]:
    """Yield the innermost line of the code in which a task waits."""
    line: int | None = None
    # Any: what a coroutine awaits may be of any type, and only coroutines have a frame.
    coroutine: Any = task.get_coro()
    while frame := getattr(coroutine, "cr_frame", None):
        if frame.f_code.co_filename == FILENAME:
            line = frame.f_lineno
        coroutine = coroutine.cr_await
    if line is not None:
        yield line


def _describe_deadlock(loop: HostLoop) -> str:
    lines = sorted({line for task in asyncio.all_tasks(loop) for line in _find_lines(task)})
    where = f" (line {', '.join(map(str, lines[:5]))})" if lines else ""
    return (
        f"every task waits{where} for what cannot happen any more: an event that is never set, a "
        "queue that is never filled, a lock that is never released, or a task that failed"
    )
