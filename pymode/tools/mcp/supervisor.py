"""Keeps one MCP server usable: starts it when it is needed, and again when it has ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from pymode.tools.mcp.servers import Server
from pymode.tools.mcp.session import Session
from pymode.tools.tool import ToolFailed

# The first pause before a server is started again; each failure without a successful call in
# between doubles it. See `_note_end` for the failure that costs no pause.
_BACKOFF_SECONDS = 0.5
_MAX_BACKOFF_SECONDS = 60.0
# A call waits for the rest of a pause if that is at most this long; otherwise it fails at once.
_WAIT_SECONDS = 2.0

_log = logging.getLogger(__name__)


class Supervisor:
    """Runs the sessions with one server: when one has ended, the next use starts another.

    Args:
        name: the name of the namespace, which messages show.
        server: how to start or reach the server.
        changed: called when the tools may have changed.
    """

    def __init__(self, name: str, server: Server, changed: Callable[[], None]) -> None:
        self._name = name
        self._server = server
        self._changed = changed
        self._session: Session | None = None
        # The current session, and retired ones, whose calls go on.
        self._sessions: list[Session] = []
        self._starting: asyncio.Task[Session] | None = None
        self._mode = "auto"
        self._failures = 0
        self._not_before = 0.0
        self._is_closed = False

    @property
    def is_running(self) -> bool:
        """Whether the server accepts calls or is starting."""
        is_starting = self._starting is not None and not self._starting.done()
        return is_starting or (self._session is not None and self._session.is_usable)

    def begin(self) -> asyncio.Task[Session]:
        """Start the server in the background, unless it is starting, and return that task."""
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._start(), name=f"mcp start {self._name}")
        return self._starting

    async def use(self, deadline: float) -> Session:
        """Return a session with the server, and start the server if it is not running.

        Args:
            deadline: how long to wait for it, by the clock of the event loop.

        Raises:
            ToolFailed: the server does not start, or not in time, or was closed.
        """
        loop = asyncio.get_running_loop()
        while not self._is_closed:
            if self._session is not None and self._session.is_usable:
                return self._session
            is_starting = self._starting is not None and not self._starting.done()
            pause = 0.0 if is_starting else self._not_before - loop.time()
            if pause > 0:
                if pause > _WAIT_SECONDS or loop.time() + pause >= deadline:
                    raise ToolFailed(f"{self._say_failure()}; it is tried again in {pause:.0f} s")
                await asyncio.sleep(pause)
                continue
            starting = self.begin()
            await asyncio.wait({starting}, timeout=max(0.0, deadline - loop.time()))
            if not starting.done():
                msg = f"the MCP server {self._name!r} is still starting; call again later"
                raise ToolFailed(msg)
            if starting.cancelled():
                break
            if not starting.result().is_usable:
                raise ToolFailed(self._say_failure())
        raise ToolFailed(f"the MCP server {self._name!r} was closed")

    def note_success(self) -> None:
        """Note that a call succeeded, so that the next pause is short again."""
        self._failures = 0

    async def aclose(self) -> None:
        """Stop the server; a second call does nothing."""
        self._is_closed = True
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.wait({self._starting})
        await asyncio.gather(*(session.aclose() for session in self._sessions))

    async def _start(self) -> Session:
        # A process that has not ended yet may hold what the next one needs, such as a file lock.
        await asyncio.gather(
            *(session.aclose() for session in self._sessions if session.over.is_set())
        )
        self._sessions = [session for session in self._sessions if not session.over.is_set()]
        session = await self._try(self._mode)
        # Some servers end when the first message is not `initialize`, the handshake from before
        # 2026-07-28. They are started again, and get that one.
        if session.exited_before_ready and self._mode == "auto":
            await session.aclose()
            session = await self._try("legacy")
            self._mode = "legacy" if session.ready.is_set() else "auto"
        self._changed()
        return session

    async def _try(self, mode: str) -> Session:
        session = self._session = Session(
            self._name, self._server, mode, self._changed, self._note_end
        )
        self._sessions.append(session)
        await _first(session.ready.wait(), session.over.wait())
        return session

    def _note_end(self, session: Session) -> None:
        if self._is_closed:
            return
        self._changed()
        self._failures += 1
        _log.info("the MCP server %s is not running: %s", self._name, session.reason)
        # A server that had started is restarted at once, if it is the first failure since a call
        # succeeded.
        if self._failures > 1 or not session.ready.is_set():
            # The bound of the exponent keeps the number small enough for a float.
            seconds = _BACKOFF_SECONDS * 2 ** min(self._failures - 1, 10)
            pause = min(seconds, _MAX_BACKOFF_SECONDS)
            self._not_before = asyncio.get_running_loop().time() + pause

    def _say_failure(self) -> str:
        reason = self._session.reason if self._session else ""
        return f"the MCP server {self._name!r} is not running: {reason or 'it ended'}"


async def _first(*waits: Coroutine[Any, Any, Any]) -> None:
    tasks = {asyncio.create_task(wait) for wait in waits}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
