"""An asyncio event loop whose only source of events is the host.

There are no sockets, pipes or threads to watch: `wait` blocks until a host call ends or the
next timer is due, and everything above it is asyncio as it is.
"""

import asyncio
from asyncio import base_events
from typing import NoReturn

from wit_world.imports import host


class HostSelector:
    """What `BaseEventLoop` expects of a selector, answered by the host's `wait`."""

    def select(self, timeout: float | None) -> list[host.Completion]:
        """Return the host calls that ended, within `timeout` seconds (None: no time-out)."""
        return host.wait(-1.0 if timeout is None else timeout)

    def close(self) -> None:
        """Do nothing: there is nothing to release."""


class HostLoop(base_events.BaseEventLoop):
    """The event loop of one call."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = HostSelector()
        self._replies: dict[int, asyncio.Future[str]] = {}

    async def call(self, target: str, payload: str) -> str:
        """Start a host call and return its reply."""
        reply: asyncio.Future[str] = self.create_future()
        self._replies[host.start(target, payload)] = reply
        return await reply

    def run_in_executor(self, executor: object, func: object, *args: object) -> NoReturn:
        """Refuse: there are no threads."""
        msg = (
            "there are no threads in the sandbox: call the function directly; requests run at once "
            "with asyncio.gather"
        )
        raise RuntimeError(msg)

    def _process_events(self, completions: list[host.Completion]) -> None:
        for completion in completions:
            reply = self._replies.pop(completion.id, None)
            if reply is not None and not reply.done():
                reply.set_result(completion.reply)

    def _write_to_self(self) -> None:
        """Do nothing: no other thread can wake the loop."""
