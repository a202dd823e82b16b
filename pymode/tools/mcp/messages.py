"""Bounds and repairs the messages of a server before the SDK reads them.

The SDK refuses a whole list of tools for one bad tool. And it validates results against the output
schemas of the server, whose regular expressions may take for ever. So here each tool is repaired or
left out, and its output schema moves to a key of `_meta` that the SDK does not read.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from contextvars import Context
from types import TracebackType
from typing import Any

from mcp import types
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter

from pymode.tools.mcp.streams import ReadStream

MAX_RESULT_BYTES = 64 * 1024 * 1024
"""The most that one result may have, and all tools of a server together."""

MAX_MESSAGE_BYTES = 2 * MAX_RESULT_BYTES + 1024 * 1024
"""The most that one message may have: a structured result comes twice, the second time as text."""

OUTPUT_SCHEMA = "pymode/output-schema"
"""The key in the `_meta` of a mended tool under which its output schema is."""

# A small value such as `[],` or `0.5,` has 3 or 4 bytes in a message. Parsed and checked by the SDK
# it takes 170 bytes of memory and half a microsecond of the event loop.
_MAX_VALUES = 2_000_000
# Counting copies the data, so it is done slice by slice.
_SLICE_BYTES = 2**20
# How much of the beginning and of the end of a message is searched for its id.
_EDGE_BYTES = 4_096
# A longer line is taken for one without an end, so the connection ends. A line between
# MAX_MESSAGE_BYTES and this one only fails its call.
_MAX_LINE_BYTES = 2 * MAX_MESSAGE_BYTES
_MAX_NAME_CHARS = 256
_MAX_DESCRIPTION_CHARS = 4_000
_MAX_SCHEMA_BYTES = 256 * 1024
_ID = re.compile(rb'"id"\s*:\s*(?:([0-9]{1,18})|"([^"\\]{1,100})")')
_BODY = re.compile(rb'"(?:result|error|method)"\s*:')
_NOTE = "(Its schema is too large to show: pymode does not check the {}.)"

_log = logging.getLogger(__name__)

Item = SessionMessage | Exception


class MessageTooLong(Exception):
    """A server sends a line that is so long that it may have no end."""


class LineReader:
    """Builds lines from pieces, and reads each line as a message.

    Of a line that is too long it keeps only the beginning and the end, where the id of the answer
    is, so that the call of that id can fail.

    Args:
        most_bytes: the longest line that is read as a message.
    """

    def __init__(self, most_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._most_bytes = most_bytes
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[SessionMessage]:
        """Return the messages that the next piece completes.

        Raises:
            MessageTooLong: the line is so long that it may have no end.
        """
        *ends, rest = chunk.split(b"\n")
        found = []
        for end in ends:
            self._add(end)
            message = self._finish()
            if message is not None:
                found.append(message)
        self._add(rest)
        return found

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        self._parts.append(part)
        if self._size > _MAX_LINE_BYTES:
            raise MessageTooLong
        if self._size > self._most_bytes and len(self._parts) > 2:
            whole = b"".join(self._parts)
            self._parts = [whole[:_EDGE_BYTES], whole[-_EDGE_BYTES:]]

    def _finish(self) -> SessionMessage | None:
        line, size = b"".join(self._parts), self._size
        self._parts, self._size = [], 0
        if size > self._most_bytes:
            return _refuse(
                line, f"the answer has {size:,} bytes; at most {self._most_bytes:,} are read"
            )
        return read_message(line)


def read_message(line: bytes) -> SessionMessage | None:
    """Return one line as a message.

    An answer that cannot be read becomes an error with the same id, so only its own call fails. A
    line without an id is left out, and so is an empty one: the result is None.
    """
    if not line.strip():
        return None
    if has_too_many_values(count_values(line)):
        return _refuse(line, "the answer has too many values; ask for less")
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError:
        return _refuse(line, "the answer is no message of MCP, or nested too deep")


def count_values(data: bytes) -> int:
    """Return an upper bound of the number of values in a JSON text."""
    rough = count_marks(data)
    if rough <= _MAX_VALUES:
        return rough
    counter = ValueCounter()
    for start in range(0, len(data), _SLICE_BYTES):
        counter.feed(data[start : start + _SLICE_BYTES])
    return counter.values


class ValueCounter:
    """Counts the values of a JSON text that comes in pieces: an upper bound, without parsing.

    Brackets and commas inside strings do not count.

    Attributes:
        values: the count so far.
    """

    def __init__(self) -> None:
        self.values = 0
        self._in_text = False
        self._tail = b""

    def feed(self, data: bytes) -> None:
        """Count the values of the next piece."""
        data = self._tail + data
        bare = data.rstrip(b"\\")
        # An odd backslash at the end of the piece may escape a quote at the start of the next one,
        # so it is kept for that. Pairs of backslashes escape nothing.
        self._tail = b"\\" * ((len(data) - len(bare)) % 2)
        parts = bare.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        self.values += sum(map(count_marks, parts[self._in_text :: 2]))
        self._in_text ^= len(parts) % 2 == 0


def count_marks(data: bytes) -> int:
    """Return how many brackets and commas a JSON text has, inside and outside strings.

    At most one more value than this is in the text, because each follows a bracket or a comma.
    """
    return data.count(b"[") + data.count(b"{") + data.count(b",")


def has_too_many_values(values: int) -> bool:
    """Say whether a message has more values than may be parsed."""
    return values > _MAX_VALUES


def _refuse(line: bytes, why: str) -> SessionMessage | None:
    found = _find_id(line)
    if found is None:
        _log.debug("a line of an MCP server was left out: %s", why)
        return None
    error = types.ErrorData(code=types.PARSE_ERROR, message=why)
    return SessionMessage(types.JSONRPCError(jsonrpc="2.0", id=found, error=error))


def _find_id(line: bytes) -> int | str | None:
    # Servers write the id before the result or after it. An "id" inside the result is another one.
    body = _BODY.search(line, 0, _EDGE_BYTES)
    found = _ID.search(line, 0, body.start() if body else _EDGE_BYTES)
    if found is None:
        tail = line[-_EDGE_BYTES:]
        found = next(reversed(list(_ID.finditer(tail))), None)
    if found is None:
        return None
    return int(found[1]) if found[1] else found[2].decode(errors="replace")


class MendedStream:
    """The stream of a server's messages, with repaired lists of tools.

    Args:
        inner: the stream of a transport.
        ended: called at the end of the stream.
    """

    def __init__(self, inner: ReadStream[Item], ended: Callable[[], None]) -> None:
        self._inner = inner
        self._ended = ended

    @property
    def last_context(self) -> Context | None:
        """The context of the request that the last message belongs to, if the transport knows it.

        The SDK handles the message in this context, and `CallsInFlight` finds the call in it.
        """
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> Item:
        """Return the next message, repaired."""
        return mend(await self._inner.receive())

    async def aclose(self) -> None:
        """Close the stream of the transport."""
        await self._inner.aclose()

    def __aiter__(self) -> MendedStream:
        return self

    async def __anext__(self) -> Item:
        try:
            return mend(await self._inner.__anext__())
        except StopAsyncIteration:
            self._ended()
            raise

    async def __aenter__(self) -> MendedStream:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return await self._inner.__aexit__(kind, error, trace)


def mend(item: Item) -> Item:
    """Repair the tools in a message, if it has any, and return it."""
    if isinstance(item, SessionMessage) and isinstance(item.message, types.JSONRPCResponse):
        result = item.message.result
        if isinstance(result.get("tools"), list):
            result["tools"] = [tool for tool in map(mend_tool, result["tools"]) if tool]
            # The SDK would refuse the whole list for a cursor of another type.
            if not isinstance(result.get("nextCursor"), (str, type(None))):
                result["nextCursor"] = None
    return item


def mend_tool(given: Any) -> dict[str, Any] | None:
    """Return the parts of a tool that pymode uses, with the types that the SDK requires.

    A part of the wrong type, or a schema that is too large, is replaced by an empty one.

    Args:
        given: a tool as the server sent it; it may be anything.

    Returns:
        The tool, with its output schema in `_meta`; None if it has no usable name.
    """
    name = given.get("name") if isinstance(given, dict) else None
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME_CHARS:
        _log.warning("a tool of an MCP server was left out: it has no usable name")
        return None
    description = given.get("description")
    description = description if isinstance(description, str) else ""
    inputs, is_open = _mend_schema(given.get("inputSchema"))
    outputs, is_any = _mend_schema(given.get("outputSchema"))
    notes = [_NOTE.format("arguments")] * is_open + [_NOTE.format("result")] * is_any
    hints = given.get("annotations")
    is_read = isinstance(hints, dict) and hints.get("readOnlyHint") is True
    if not _is_object(inputs):
        inputs = {"type": "object"}
    mended: dict[str, Any] = {
        "name": name,
        "description": "\n".join([cut(description, _MAX_DESCRIPTION_CHARS), *notes]),
        "inputSchema": {**inputs, "type": "object"},
        "annotations": {"readOnlyHint": is_read},
    }
    if outputs and not is_any:
        mended["_meta"] = {OUTPUT_SCHEMA: outputs}
    return mended


def cut(text: str, most_chars: int) -> str:
    """Return a text, or the beginning of it with an ellipsis: at most `most_chars` characters."""
    return text if len(text) <= most_chars else f"{text[: most_chars - 2]} …"


def _mend_schema(given: Any) -> tuple[dict[str, Any], bool]:
    """Return the schema, or an empty one in its place, and whether it was too large."""
    if not isinstance(given, dict):
        return {}, False
    is_large = len(json.dumps(given, ensure_ascii=False)) > _MAX_SCHEMA_BYTES
    return ({}, True) if is_large else (given, False)


def _is_object(schema: dict[str, Any]) -> bool:
    properties = schema.get("properties", {})
    required = schema.get("required", [])
    return (
        schema.get("type", "object") == "object"
        and isinstance(properties, dict)
        and all(isinstance(value, (dict, bool)) for value in properties.values())
        and isinstance(required, list)
        and all(isinstance(name, str) for name in required)
        and isinstance(schema.get("$schema", ""), str)
    )
