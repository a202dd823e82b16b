"""Turns the result of an MCP tool into a Python value."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping
from typing import Any

import pydantic_core
from mcp import types

from pymode.tools.mcp.messages import MAX_RESULT_BYTES, count_values, cut, has_too_many_values
from pymode.tools.tool import Schema, ToolFailed

_MAX_ERROR_CHARS = 8_000
# The least that a value takes as JSON; it is counted for all but strings and bytes.
_VALUE_BYTES = 1
# The property in which servers wrap a result that is not an object.
_WRAPPED = "result"
# The parser that reads messages and text results as JSON takes no more levels either.
_DEEPEST = 200


def read_result(result: types.CallToolResult, *, is_wrapped: bool) -> Any:
    """Return the value of a result that the code gets: JSON values and bytes.

    Structured content is used if there is any. Otherwise each block of content is a value: text is
    parsed if it is JSON, images, audio and blobs become bytes, and links become dicts. One block is
    the value, several are a list, and none is None.

    Args:
        result: the result of a call that succeeded.
        is_wrapped: whether the tool's output schema wraps its results; see the function
            `is_wrapped`.

    Raises:
        ToolFailed: the value is too large, nested too deep, or holds something that is not JSON.
    """
    value = result.structured_content
    if value is not None:
        if is_wrapped and isinstance(value, dict) and value.keys() == {_WRAPPED}:
            value = value[_WRAPPED]
    else:
        values = [_read_block(block) for block in result.content]
        value = values[0] if len(values) == 1 else values or None
    check(value)
    return value


def read_error(result: types.CallToolResult) -> str:
    """Return the message of a failed tool: its text, at most 8,000 characters."""
    texts = [block.text for block in result.content if isinstance(block, types.TextContent)]
    said = "\n".join(text for text in texts if text.strip())
    return cut(said, _MAX_ERROR_CHARS) or "the tool failed and does not say why"


def is_wrapped(schema: Schema | None) -> bool:
    """Say whether a schema wraps each result in an object, because MCP requires objects.

    FastMCP marks such a schema with "x-fastmcp-wrap-result"; otherwise a single property "result"
    tells it.
    """
    if not schema:
        return False
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or _WRAPPED not in properties:
        return False
    return schema.get("x-fastmcp-wrap-result") is True or len(properties) == 1


def unwrap(schema: Schema) -> Schema:
    """Return the schema of the wrapped value; see `is_wrapped`.

    It keeps the definitions of the whole schema, because the inner one may refer to them.
    """
    inner = schema["properties"][_WRAPPED]
    if not isinstance(inner, Mapping):
        return {}
    shared = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    return {**shared, **inner}


def check(value: Any) -> None:
    """Check that a value holds JSON values and bytes only, and is not too large or too deep.

    Raises:
        ToolFailed: it has more than 64 MiB or 200 levels, or holds something else.
    """
    size = 0
    stack = [iter((value,))]
    while stack:
        # The default marks the end of an iterator: no item is this list.
        item = next(stack[-1], stack)
        if item is stack:
            stack.pop()
            continue
        size += _measure(item)
        if size > MAX_RESULT_BYTES:
            raise ToolFailed(f"the result has more than {MAX_RESULT_BYTES:,} bytes; ask for less")
        inner = _iterate(item)
        if inner is not None:
            stack.append(inner)
            if len(stack) > _DEEPEST:
                raise ToolFailed(f"the result is nested deeper than {_DEEPEST} levels")


def spell_arguments(value: Any) -> Any:
    """Return arguments as JSON values: bytes become base64, as in MCP."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {name: spell_arguments(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [spell_arguments(item) for item in value]
    return value


def _measure(item: Any) -> int:
    if isinstance(item, str):
        return len(item) if item.isascii() else len(item.encode(errors="replace"))
    if isinstance(item, bytes):
        return len(item)
    if isinstance(item, float) and not math.isfinite(item):
        raise ToolFailed("the result holds a number that JSON does not have")
    if item is None or isinstance(item, (bool, int, float, list, dict)):
        return _VALUE_BYTES
    raise ToolFailed(f"the result holds a {type(item).__name__}, which JSON does not have")


def _iterate(item: Any) -> Iterator[Any] | None:
    if isinstance(item, dict):
        return iter([part for pair in item.items() for part in pair])
    return iter(item) if isinstance(item, list) else None


def _read_block(block: types.ContentBlock) -> Any:
    match block:
        case types.TextContent(text=text):
            return _read_text(text)
        case types.ImageContent(data=data) | types.AudioContent(data=data):
            return _decode(data)
        case types.EmbeddedResource(resource=types.BlobResourceContents(blob=blob)):
            return _decode(blob)
        case types.EmbeddedResource(resource=types.TextResourceContents(text=text)):
            return _read_text(text)
        case _:
            return block.model_dump(mode="json", by_alias=True, exclude_none=True)


def _read_text(text: str) -> Any:
    # JSON with too many values is not refused: the code gets it as text.
    if has_too_many_values(count_values(text.encode(errors="replace"))):
        return text
    try:
        return pydantic_core.from_json(text, allow_inf_nan=False)
    except ValueError:
        return text


def _decode(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:
        raise ToolFailed("the result holds an image, audio or file that is not base64") from None
