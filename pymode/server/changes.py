"""Tells MCP clients that the descriptions of the tools have changed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mcp import types
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged

if TYPE_CHECKING:
    from mcp.server.connection import Connection
    from mcp.server.context import ServerRequestContext
    from mcp.server.models import InitializationOptions

    from pymode.server.calls import Calls

_INITIALIZED = "notifications/initialized"

_log = logging.getLogger(__name__)


class ChangingServer(Server[None]):
    """An MCP server whose list of tools may change.

    Args:
        name: of the server.
        calls: the calls that its tools run.
        options: see the SDK's `Server`.

    From 2026-07-28 on, clients hear of changes by `subscriptions/listen`. Older ones hear of them
    on their connection, once they have shaken hands.
    """

    def __init__(self, name: str, calls: Calls, **options: Any) -> None:
        self._bus = InMemorySubscriptionBus()
        self._listening = ListenHandler(self._bus)
        super().__init__(name, on_subscriptions_listen=self._listening, **options)
        self.calls = calls
        self._connections: set[Connection] = set()
        self.add_notification_handler(_INITIALIZED, types.NotificationParams, self._remember)

    def create_initialization_options(
        self, notification_options: NotificationOptions | None = None, *rest: Any, **named: Any
    ) -> InitializationOptions:
        """As the SDK's, and clients that shake hands are promised to hear of changes."""
        options = notification_options or NotificationOptions(tools_changed=True)
        return super().create_initialization_options(options, *rest, **named)

    async def tell_tools_changed(self) -> None:
        """Tell all clients that `tools/list` has a new answer."""
        await self._bus.publish(ToolsListChanged())
        for connection in list(self._connections):
            try:
                await connection.send_tool_list_changed()
            except Exception:
                # A client that is gone, or a stream that is full, is no reason to miss the others.
                _log.debug("a client was not told that the tools have changed", exc_info=True)

    async def drain(self, seconds: float, is_forced: Callable[[], bool]) -> None:
        """Wait for the calls under way, see `Calls.drain`, and end the subscriptions."""
        await self.calls.drain(seconds, is_forced)
        self._listening.close()

    async def _remember(self, ctx: ServerRequestContext[None, Any], _: object) -> None:
        # The SDK gives handlers no public name for the connection, and a session is made for each
        # message.
        connection = ctx.session._connection  # noqa: SLF001
        self._connections.add(connection)
        connection.exit_stack.callback(self._connections.discard, connection)
