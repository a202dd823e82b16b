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

_END_SECONDS = 10.0
_LISTEN_AGAIN_SECONDS = 5.0
_MESSAGE_CHARS = 2_000
_LOG_CHARS = 1_000

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class SecretFilter:
    """Takes the secrets of a server out of messages and results."""

    def __init__(self, server: Server) -> None:
        self._redactor = Redactor(*server.secrets)

    def __bool__(self) -> bool:
        return self._redactor.has_secrets

    def replace(self, value: Any) -> Any:
        """Return a result without the secrets, in its texts and names."""
        if isinstance(value, str):
            return self._redactor.clean(value)
        if isinstance(value, bytes):
            return self._redactor.clean_bytes(value)
        if isinstance(value, list):
            return [self.replace(item) for item in value]
        if isinstance(value, dict):
            return {self.replace(name): self.replace(item) for name, item in value.items()}
        return value

    def clean(self, text: str, most_chars: int = _MESSAGE_CHARS) -> str:
        """Return a text without the secrets, and not too long."""
        # Cutting comes last, lest half of a secret remain; but not all of 64 MiB is searched.
        return cut(self._redactor.clean(text[: 4 * most_chars]), most_chars)


class Session:
    """One session with a server; its task owns the SDK's client from enter to exit.

    Args:
        name: of the namespace.
        server: what to start or to reach.
        mode: how to agree on a protocol version; see `mcp.Client`.
        changed: called when the tools may have changed.
        ended: called once, when no more calls can begin.
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
        self.left_early = False
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
        """The SDK's client, once it is ready."""
        if self._client is None:
            raise RuntimeError("the server is not ready")
        return self._client

    @property
    def is_usable(self) -> bool:
        """Whether the session accepts calls."""
        return self.ready.is_set() and not self.over.is_set() and not self._is_retired

    def end(self, reason: str) -> None:
        """Accept no more calls; the calls under way fail, unless they have their answer."""
        if not self.over.is_set():
            self.reason = self.hidden.clean(reason)
            self.over.set()
            self._ended(self)
        self._stop.set()

    def retire(self) -> None:
        """Accept no more calls; the calls under way go on."""
        self._is_retired = True
        if not self._under_way:
            self.end("it lost the connection")

    async def aclose(self) -> None:
        """End the session, and wait until everything of it has ended."""
        self.end("pymode closed it")
        if self._scope is not None and not self.ready.is_set():
            self._scope.cancel()
        done, _ = await asyncio.wait({self._task}, timeout=_END_SECONDS)
        if not done:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_END_SECONDS)

    async def run(self, work: Coroutine[Any, Any, _T], deadline: float) -> _T:
        """Return the result of some work with the client, which may hang or outlive the server.

        Raises:
            TimeoutError: it was not there at the deadline.
            ToolFailed: the server ended.
            Exception: what the work raised.
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
            # Nobody waits for it: telling the server may block as well.
            task.cancel()
            task.add_done_callback(_forget)
            over.cancel()
            self._under_way.discard(task)
            if self._is_retired:
                self.retire()

    def tell_end(self) -> str:
        """Return the message for a call that was under way."""
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
            self.end("it ended")

    async def _attend(self, client: Client) -> None:
        tools = client.server_capabilities.tools
        changes = bool(tools and tools.list_changed)
        is_modern = client.session.discover_result is not None
        self.is_notified = not is_modern
        async with anyio.create_task_group() as tasks:
            if changes and is_modern:
                tasks.start_soon(self._listen, client)
            await self._stop.wait()
            tasks.cancel_scope.cancel()

    async def _listen(self, client: Client) -> None:
        """Listen for changed tools, if the protocol has a subscription for it."""
        while True:
            try:
                async with client.listen(tools_list_changed=True) as subscription:
                    self.is_notified = bool(subscription.honored.tools_list_changed)
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
            # The listing is kept here, and nothing else is asked for.
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
        self.left_early = not self.ready.is_set()
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
            _log.debug("%s: %s", self._name, self.hidden.clean(line, _LOG_CHARS))


def explain(error: BaseException, server: Server) -> str:
    """Return what went wrong, without any part of the command line or the URL."""
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
    # An error that nobody waits for any more is no news.
    if not task.cancelled():
        task.exception()
