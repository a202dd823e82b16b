"""One session with an MCP server, from its start to its end."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, TypeVar

import anyio
from mcp import Client, types
from mcp.client.session import ClientRequestContext
from mcp.client.subscriptions import SubscriptionLost
from mcp.shared.exceptions import MCPError

from pymode.http.redaction import Redactor
from pymode.tools.mcp.http import open_http
from pymode.tools.mcp.in_flight import CallsInFlight
from pymode.tools.mcp.messages import MendedStream, cut
from pymode.tools.mcp.servers import HttpServer, LocalServer, Server, StdioServer
from pymode.tools.mcp.stdio import run_process
from pymode.tools.mcp.streams import TransportStreams
from pymode.tools.tool import ToolFailed

START_SECONDS = 30.0
"""How long a server may take from its start to the end of the handshake."""

# How long to wait for the task of a session to end, and again after it was cancelled.
_END_SECONDS = 10.0
# The pause before a subscription that ended is renewed.
_LISTEN_AGAIN_SECONDS = 5.0
_MAX_MESSAGE_CHARS = 2_000
_MAX_LOG_CHARS = 1_000

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class SecretFilter:
    """Replaces the secrets of a server in messages and results.

    An instance is falsy if the server has no secrets.

    Args:
        server: the server, with its secrets.
    """

    def __init__(self, server: Server) -> None:
        self._redactor = Redactor(*server.secrets)

    def __bool__(self) -> bool:
        return self._redactor.has_secrets

    def replace(self, value: Any) -> Any:
        """Return a result with the secrets replaced in its strings, keys and bytes."""
        if isinstance(value, str):
            return self._redactor.clean(value)
        if isinstance(value, bytes):
            return self._redactor.clean_bytes(value)
        if isinstance(value, list):
            return [self.replace(item) for item in value]
        if isinstance(value, dict):
            return {self.replace(name): self.replace(item) for name, item in value.items()}
        return value

    def clean(self, text: str, most_chars: int = _MAX_MESSAGE_CHARS) -> str:
        """Return a text with the secrets replaced, cut to `most_chars` characters."""
        # The text is cut after the replacement, because a cut through a secret would leave a part
        # of it. The first cut only saves searching all of 64 MiB; what may be a part of a secret at
        # its end goes, too.
        few = text[: 4 * most_chars + self._redactor.longest]
        cleaned = self._redactor.clean(few)
        if len(few) < len(text):
            cleaned = cleaned[: len(cleaned) - self._redactor.longest]
        return cut(cleaned, most_chars)


class Session:
    """One session with a server. It starts at once, in a task of its own.

    That task enters and exits the SDK's client, because anyio requires both in one task.

    Args:
        name: the name of the namespace, which messages show.
        server: how to start or reach the server.
        mode: how to agree on a protocol version; see `mcp.Client`.
        changed: called when the tools may have changed.
        ended: called once, when the session has ended for new calls.

    Attributes:
        ready: set when the handshake is done.
        over: set when the session accepts no more calls and those in flight fail.
        calls: the calls in flight, which questions of the server belong to.
        hidden: replaces the secrets of the server.
        is_notified: whether the server announces changes of its tools.
        exited_before_ready: whether the process ended before the handshake was done.
        reason: why the session ended; without secrets.
    """

    def __init__(
        self,
        name: str,
        server: Server,
        mode: str,
        changed: Callable[[], None],
        ended: Callable[[Session], None],
    ) -> None:
        self.ready = asyncio.Event()
        self.over = asyncio.Event()
        self.calls = CallsInFlight()
        self.hidden = SecretFilter(server)
        self.is_notified = False
        self.exited_before_ready = False
        self.reason = ""
        self._name = name
        self._server = server
        self._mode = mode
        self._changed = changed
        self._ended = ended
        self._is_retired = False
        self._under_way: set[asyncio.Task[Any]] = set()
        self._client: Client | None = None
        self._stop = asyncio.Event()
        self._scope: anyio.CancelScope | None = None
        self._task = asyncio.create_task(self._live(), name=f"mcp {name}")

    @property
    def client(self) -> Client:
        """The SDK's client.

        Raises:
            RuntimeError: the handshake is not done yet.
        """
        if self._client is None:
            raise RuntimeError("the server is not ready")
        return self._client

    @property
    def is_usable(self) -> bool:
        """Whether the session accepts calls."""
        return self.ready.is_set() and not self.over.is_set() and not self._is_retired

    def end(self, reason: str) -> None:
        """Accept no more calls; calls in flight fail unless their answer is there.

        Args:
            reason: why the session ends; it may hold secrets. Only the first reason is kept.
        """
        if not self.over.is_set():
            self.reason = self.hidden.clean(reason)
            self.over.set()
            self._ended(self)
        self._stop.set()

    def retire(self) -> None:
        """Accept no more calls; those in flight go on, and the session ends with the last one."""
        self._is_retired = True
        if not self._under_way:
            self.end("it lost the connection")

    async def aclose(self) -> None:
        """End the session, and wait at most 20 seconds for its task to end."""
        self.end("pymode closed it")
        # Before the handshake is done nothing waits for `_stop`.
        if self._scope is not None and not self.ready.is_set():
            self._scope.cancel()
        done, _ = await asyncio.wait({self._task}, timeout=_END_SECONDS)
        if not done:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_END_SECONDS)

    async def run(self, work: Coroutine[Any, Any, _T], deadline: float) -> _T:
        """Run a coroutine that uses the client, and return its result.

        The coroutine may hang, so the deadline and the end of the session end the wait for it.

        Args:
            work: the coroutine.
            deadline: when to stop waiting, by the clock of the event loop.

        Raises:
            TimeoutError: there was no result at the deadline.
            ToolFailed: the session ended.
            Exception: whatever the coroutine raised.
        """
        task = asyncio.create_task(work)
        self._under_way.add(task)
        over = asyncio.create_task(self.over.wait())
        try:
            seconds = deadline - asyncio.get_running_loop().time()
            await asyncio.wait(
                {task, over}, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED
            )
            if task.done():
                return task.result()
            if self.over.is_set():
                raise ToolFailed(self.tell_end())
            raise TimeoutError
        finally:
            # The end of the task is not waited for: the SDK tells the server that the call was
            # cancelled, and this may hang as well.
            task.cancel()
            task.add_done_callback(_forget)
            over.cancel()
            self._under_way.discard(task)
            if self._is_retired:
                self.retire()

    def tell_end(self) -> str:
        """Return the message for a call that was in flight when the session ended."""
        reason = f" ({self.reason})" if self.reason else ""
        return (
            f"the MCP server {self._name!r} ended during the call{reason}; whether the call took "
            "effect is not known, and it was not repeated. The next call starts the server again"
        )

    async def _live(self) -> None:
        self._scope = anyio.CancelScope(deadline=anyio.current_time() + START_SECONDS)
        try:
            with self._scope:
                async with self._make_client() as client:
                    self._scope.deadline = math.inf
                    self._client = client
                    if not self.over.is_set():
                        self.ready.set()
                    await self._attend(client)
            if self._scope.cancelled_caught:
                self.end(f"it did not start within {START_SECONDS:.0f} seconds")
        except Exception as error:
            _log.debug("the MCP server %s failed: %s", self._name, type(error).__name__)
            self.end(explain(error, self._server))
        finally:
            # This is the reason only if nothing else has given one.
            self.end("it ended")

    async def _attend(self, client: Client) -> None:
        tools = client.server_capabilities.tools
        changes = bool(tools and tools.list_changed)
        is_modern = client.session.discover_result is not None
        # Before protocol version 2026-07-28 a server announces changes unasked. Since then it does
        # so only to clients that subscribe, as `_listen` does.
        self.is_notified = changes and not is_modern
        async with anyio.create_task_group() as tasks:
            if changes and is_modern:
                tasks.start_soon(self._listen, client)
            await self._stop.wait()
            tasks.cancel_scope.cancel()

    async def _listen(self, client: Client) -> None:
        """Subscribe to changes of the tools, and subscribe again when the subscription ends."""
        while True:
            try:
                async with client.listen(tools_list_changed=True) as subscription:
                    self.is_notified = bool(subscription.honored.tools_list_changed)
                    # The tools may have changed before the subscription began.
                    self._changed()
                    async for _ in subscription:
                        self._changed()
            except (MCPError, SubscriptionLost) as error:
                _log.debug("%s: no news of its tools: %s", self._name, type(error).__name__)
                if isinstance(error, MCPError) and error.error.code == types.METHOD_NOT_FOUND:
                    return
            finally:
                self.is_notified = False
            await anyio.sleep(_LISTEN_AGAIN_SECONDS)

    def _make_client(self) -> Client:
        server = self._server
        return Client(
            server.server if isinstance(server, LocalServer) else self._open(server),
            mode=self._mode,
            # `MCPSource` keeps the list of tools, and pymode asks for nothing else that is cached.
            cache=None,
            client_info=types.Implementation(name="pymode", version=version("pymode")),
            elicitation_callback=self._answer,
            logging_callback=self._note_message,
            message_handler=self._hear,
        )

    @asynccontextmanager
    async def _open(self, server: StdioServer | HttpServer) -> AsyncIterator[TransportStreams]:
        transport = (
            run_process(server, self._note, self._exit)
            if isinstance(server, StdioServer)
            else open_http(server)
        )
        async with transport as (incoming, outgoing):
            yield MendedStream(incoming, lambda: self.end("it closed the connection")), outgoing

    def _exit(self, how: str) -> None:
        self.exited_before_ready = not self.ready.is_set()
        self.end(how)

    async def _answer(
        self, context: ClientRequestContext, params: types.ElicitRequestParams
    ) -> types.ElicitResult:
        return await self.calls.answer(params)

    async def _hear(self, message: object) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._changed()

    async def _note_message(self, params: types.LoggingMessageNotificationParams) -> None:
        self._note(str(params.data))

    def _note(self, line: str) -> None:
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug("%s: %s", self._name, self.hidden.clean(line, _MAX_LOG_CHARS))


def explain(error: BaseException, server: Server) -> str:
    """Return what went wrong.

    Of the command and the URL, pymode's messages show only `server.place` and the working
    directory. An `MCPError` has the server's own message, in which `Session.end` replaces secrets.
    """
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    match error:
        case MCPError():
            return error.error.message
        case FileNotFoundError() if isinstance(server, StdioServer):
            where = f" in {server.cwd}" if server.cwd else ""
            return f"there is no program {server.place!r}{where}; install it, or give its path"
        case OSError():
            return f"{server.place} cannot be started: {error.strerror or type(error).__name__}"
        case _:
            return f"{server.place} does not speak MCP as it should ({type(error).__name__})"


def _forget(task: asyncio.Task[Any]) -> None:
    # Reading the exception keeps asyncio from logging it as one that was never retrieved.
    if not task.cancelled():
        task.exception()
