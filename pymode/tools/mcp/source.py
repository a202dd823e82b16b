"""An MCP server as a source of tools."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mcp import types
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from pymode.actions.context import Context
from pymode.namespaces import Kind
from pymode.tools.mcp.config import read_config
from pymode.tools.mcp.http import CONNECTION_LOST
from pymode.tools.mcp.in_flight import CallInFlight
from pymode.tools.mcp.messages import MAX_RESULT_BYTES, OUTPUT_SCHEMA, mend_tool
from pymode.tools.mcp.results import (
    is_wrapped,
    read_error,
    read_result,
    spell_arguments,
    unwrap,
)
from pymode.tools.mcp.servers import LocalServer, Server, ServerSource, read_server
from pymode.tools.mcp.session import START_SECONDS, Session
from pymode.tools.mcp.supervisor import Supervisor
from pymode.tools.mcp.tool_call import call_tool
from pymode.tools.naming import name_all
from pymode.tools.signature import signature
from pymode.tools.tool import Schema, Tool, ToolFailed

_MAX_TOOLS = 10_000
_MAX_PAGES = 1_000
_MAX_CURSOR_CHARS = 64 * 1024
# The longest that a list of tools is kept, whatever `ttlMs` the server gives for it.
_MAX_FRESH_SECONDS = 3_600.0
_MAX_ERROR_CHARS = 8_000

_log = logging.getLogger(__name__)


def make_sources(
    given: Mapping[str, ServerSource] | str | Path, taken: Iterable[str] = ()
) -> list[MCPSource]:
    """Return a source for each server; none is started.

    Args:
        given: servers by name, in a form that `read_server` takes; or the `mcpServers` JSON of MCP
            clients, as the path of a file or as its parsed content.
        taken: names that a namespace cannot have, such as those of other namespaces.

    Raises:
        ConfigError: the file cannot be read, or a server cannot be used.
    """
    if isinstance(given, (str, Path)) or isinstance(given.get("mcpServers"), Mapping):
        servers = read_config(given)
    else:
        servers = {name: read_server(name, server) for name, server in given.items()}
    names = name_all(servers, taken)
    return [MCPSource(names[name], server) for name, server in servers.items()]


class MCPSource:
    """The tools of one MCP server; a `pymode.tools.tool.Source`.

    Args:
        name: the name of the namespace in the code.
        server: how to start or reach the server, from `read_server` or `read_config`.
    """

    kind: Kind = "mcp"

    def __init__(self, name: str, server: Server) -> None:
        self._name = name
        self._server = server
        self._supervisor = Supervisor(name, server, self._note_change)
        self._lock = asyncio.Lock()
        self._tools: Mapping[str, Tool] = {}
        # The titles of the tools whose results `read_result` unwraps.
        self._wrapped: frozenset[str] = frozenset()
        # The list of tools is fresh until a change is noted and, if the server does not announce
        # changes, at most until `_fresh_until`, by the clock of the event loop.
        self._changes = 0
        self._listed_at_change = -1
        self._fresh_until = 0.0

    def __repr__(self) -> str:
        return f"MCPSource({self._name!r}, at {self._server.place})"

    @property
    def name(self) -> str:
        """The name of the namespace in the code."""
        return self._name

    async def open(self) -> None:
        """Start the server in the background, unless it is running or starting."""
        if not self._supervisor.is_running:
            self._supervisor.begin()

    async def aclose(self) -> None:
        """Stop the server; a second call does nothing."""
        await self._supervisor.aclose()

    async def list(self) -> Mapping[str, Tool]:
        """Return the current tools; see `pymode.tools.tool.Source`.

        Raises:
            ToolFailed: the server cannot be reached, or does not list its tools within 30 s.
        """
        async with self._lock:
            deadline = asyncio.get_running_loop().time() + START_SECONDS
            session = await self._supervisor.use(deadline)
            if not self._is_fresh(session):
                await self._refresh(session, deadline)
            return self._tools

    async def call(self, tool: Tool, arguments: Mapping[str, Any], context: Context) -> Any:
        """Call a tool; see `pymode.tools.tool.Source`.

        Raises:
            ToolFailed: the tool failed, the server answered with an error or ended, or there was no
                result at the deadline.
        """
        session = await self._supervisor.use(context.deadline)
        call = CallInFlight(context, f"The MCP server {self._name!r}")
        try:
            result = await session.run(
                self._exchange(session, call, tool.title, spell_arguments(arguments)),
                context.deadline,
            )
            if result.is_error:
                raise ToolFailed(session.hidden.clean(read_error(result), _MAX_ERROR_CHARS))
            self._supervisor.note_success()
            wrapped = tool.title in self._wrapped
            # A thread, because reading 64 MiB on the event loop would make all other calls wait.
            value = await asyncio.to_thread(read_result, result, is_wrapped=wrapped)
            return (
                await asyncio.to_thread(session.hidden.replace, value) if session.hidden else value
            )
        except Exception as error:
            failed = self._explain(error, session)
            declined = "".join(f"\n({self._name}: {note})" for note in call.notes)
            raise ToolFailed(f"{failed}{declined}") from None

    async def _exchange(
        self, session: Session, call: CallInFlight, title: str, arguments: dict[str, Any]
    ) -> types.CallToolResult:
        with session.calls.begin(call):
            return await call_tool(session.client, call, title, arguments)

    def _note_change(self) -> None:
        self._changes += 1

    def _is_fresh(self, session: Session) -> bool:
        if self._listed_at_change != self._changes:
            return False
        return session.is_notified or asyncio.get_running_loop().time() < self._fresh_until

    async def _refresh(self, session: Session, deadline: float) -> None:
        # Read before the listing, so that a change during it makes the list stale again.
        changes = self._changes
        try:
            found, fresh_seconds = await session.run(self._fetch(session), deadline)
            tools, wrapped = await asyncio.to_thread(self._describe, found)
        except TimeoutError:
            msg = f"the MCP server {self._name!r} did not list its tools within 30 s"
            raise ToolFailed(msg) from None
        except Exception as error:
            raise self._explain(error, session) from None
        self._tools, self._wrapped = tools, wrapped
        self._listed_at_change = changes
        self._fresh_until = asyncio.get_running_loop().time() + fresh_seconds

    async def _fetch(self, session: Session) -> tuple[Sequence[types.Tool], float]:
        """Return the tools of all pages, and for how many seconds the list stays fresh.

        A server may send pages without an end, so the tools, their size and the pages are bounded.
        """
        tools: dict[str, types.Tool] = {}
        cursors: set[str] = set()
        cursor: str | None = None
        size = 0
        while True:
            params = types.PaginatedRequestParams(cursor=cursor) if cursor else None
            try:
                page = await session.client.session.list_tools(params=params)
            except MCPError as error:
                # A server without tools need not know the method.
                if error.error.code == types.METHOD_NOT_FOUND and cursor is None:
                    return [], 0.0
                raise
            for tool in page.tools:
                size += _weigh(tool)
                if len(tools) >= _MAX_TOOLS or size > MAX_RESULT_BYTES:
                    _log.warning("%s has more tools than fit; %d are kept", self._name, len(tools))
                    return [*tools.values()], 0.0
                tools.setdefault(tool.name, tool)
            cursor = page.next_cursor
            # A cursor that comes again would lead round in a circle.
            if not cursor or cursor in cursors or len(cursor) > _MAX_CURSOR_CHARS:
                break
            cursors.add(cursor)
            if len(cursors) >= _MAX_PAGES:
                break
        return [*tools.values()], min((page.ttl_ms or 0) / 1_000, _MAX_FRESH_SECONDS)

    def _describe(self, found: Sequence[types.Tool]) -> tuple[dict[str, Tool], frozenset[str]]:
        # Messages of a server in this process do not pass `MendedStream`.
        if isinstance(self._server, LocalServer):
            found = _mend(found)
        names = name_all(tool.name for tool in found)
        tools: dict[str, Tool] = {}
        wrapped = set()
        for tool in found:
            output: Schema | None = (tool.meta or {}).get(OUTPUT_SCHEMA)
            if output is not None and is_wrapped(output):
                wrapped.add(tool.name)
                output = unwrap(output)
            name = names[tool.name]
            tools[name] = Tool(
                name=name,
                title=tool.name,
                description=tool.description or "",
                input_schema=tool.input_schema,
                output_schema=output,
                signature=_write_signature(name, tool.input_schema, output),
                is_read=bool(tool.annotations and tool.annotations.read_only_hint),
            )
        return tools, frozenset(wrapped)

    def _explain(self, error: Exception, session: Session) -> ToolFailed:
        who = f"the MCP server {self._name!r}"
        match error:
            case ToolFailed():
                return error
            case TimeoutError():
                return ToolFailed(
                    f"{who} did not answer before the end of this run; whether the call took "
                    "effect is not known, and it was not repeated"
                )
            case MCPError() if session.over.is_set():
                return ToolFailed(session.tell_end())
            case MCPError():
                if error.error.code == CONNECTION_LOST:
                    session.retire()
                said = session.hidden.clean(error.error.message, _MAX_ERROR_CHARS)
                return ToolFailed(f"{who} answered with an error: {said}")
            case ValidationError():
                return ToolFailed(f"{who} sent an answer that does not have the form of MCP")
            case _:
                _log.warning("a call to %s failed: %s", self._name, type(error).__name__)
                return ToolFailed(f"{who} could not be called ({type(error).__name__})")


def _mend(found: Sequence[types.Tool]) -> Sequence[types.Tool]:
    given = (mend_tool(tool.model_dump(by_alias=True, exclude_none=True)) for tool in found)
    return [types.Tool.model_validate(tool) for tool in given if tool]


def _weigh(tool: types.Tool) -> int:
    schemas = len(json.dumps([tool.input_schema, tool.meta, tool.output_schema]))
    return len(tool.name) + len(tool.description or "") + schemas


def _write_signature(name: str, inputs: Schema, outputs: Schema | None) -> str:
    try:
        return signature(name, inputs, outputs)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        # The schema of a server may be anything. A tool without a signature can still be called.
        _log.debug("no signature for %s: %r", name, error)
        return f"{name}(**arguments)"
