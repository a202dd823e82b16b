"""Values on their way into the sandbox and out of it: JSON, with bytes as `{"$bytes": "…"}`."""

from __future__ import annotations

import base64
import datetime
import decimal
import enum
import itertools
import json
import uuid
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import PurePath
from typing import Any, NoReturn

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_jsonable_python

from pymode.tools.tool import ToolFailed

# Writing so much takes half a millisecond; a thread costs a tenth of one.
SMALL_NODES, SMALL_CHARS = 1_000, 100_000
# Arguments are hostile: `[],` takes 3 bytes and, as Python values, 100.
MAX_VALUES = 500_000
# What the code writes is not deeper than 200, and what writes MCP messages takes 250.
MAX_DEPTH = 210
# An iterator may have no end.
MAX_ITEMS = 1_000_000

# What takes little to write, though json does not know it.
_PLAIN = (str, int, float, type(None), enum.Enum, datetime.date, datetime.time, datetime.timedelta)
_SMALL = (*_PLAIN, decimal.Decimal, uuid.UUID, PurePath)


def write(value: Any, max_bytes: int) -> str:
    """Write a result.

    Args:
        value: JSON values and bytes.
        max_bytes: the most that the text may take in UTF-8.

    Raises:
        ToolFailed: it has no JSON form, or is too large; the message is for the code.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, default=_default, separators=(",", ":"))
        size = len(text) if text.isascii() else len(text.encode())
    except RecursionError:
        raise ToolFailed("the result is nested too deep, or contains itself") from None
    except UnicodeEncodeError:
        raise ToolFailed("the result holds half surrogate pairs, which are no text") from None
    except (TypeError, ValueError) as error:
        raise ToolFailed(f"the result is not JSON: {error}") from None
    except Exception as error:
        # Iterators and properties of a result run code of whoever made it.
        raise ToolFailed(f"the result cannot be read: {type(error).__name__}: {error}") from None
    if size > max_bytes:
        msg = (
            f"the result has {size:,} bytes as JSON; at most {max_bytes:,} are taken. Ask for less"
        )
        raise ToolFailed(msg)
    return text


def is_small(value: Any) -> bool:
    """Say whether a value can be written fast enough for the event loop."""
    left, pending = SMALL_NODES, [value]
    chars = 0
    while pending and left:
        node = pending.pop()
        left -= 1
        if isinstance(node, (str, bytes, bytearray)):
            chars += len(node)
        elif isinstance(node, dict):
            pending += list(node.values()) if len(node) <= left else [None] * left
        elif isinstance(node, (list, tuple)):
            pending += node if len(node) <= left else [None] * left
        elif not isinstance(node, _SMALL):
            return False
    return left > 0 and chars <= SMALL_CHARS


def read_call(payload: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Read the call of a tool by the guest, which is hostile.

    Args:
        payload: {"tool": NAME, "arguments": {…}}.

    Returns:
        The name, the arguments with their bytes brought back, and the arguments as they came.

    Raises:
        ToolFailed: it is no call, or has too many values, too deep ones, or what is no text.
    """
    if _count_values(payload) > MAX_VALUES:
        msg = f"the arguments have more than {MAX_VALUES:,} values; pass less at once"
        raise ToolFailed(msg)
    try:
        asked = json.loads(payload, parse_constant=_refuse)
        name, written = asked["tool"], asked["arguments"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ToolFailed("the call of the tool cannot be read") from None
    if not isinstance(name, str) or not isinstance(written, dict):
        raise ToolFailed("the call of the tool cannot be read")
    return name, restore(written), written


def restore(value: Any, depth: int = 0) -> Any:
    """Return arguments of the guest with their bytes brought back.

    Raises:
        ToolFailed: what claims to be bytes or text is none, or lies too deep.
    """
    if isinstance(value, str):
        return _check_text(value)
    if depth > MAX_DEPTH:
        raise ToolFailed(f"the arguments are nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, list):
        return [restore(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and isinstance(value.get("$bytes"), str):
        try:
            return base64.b64decode(value["$bytes"], validate=True)
        except ValueError:
            raise ToolFailed("an argument claims to be bytes and is not base64") from None
    return {_check_text(name): restore(item, depth + 1) for name, item in value.items()}


def _check_text(text: str) -> str:
    """Refuse half a surrogate pair, which would break the connection that it is sent on."""
    try:
        if not text.isascii():
            text.encode()
    except UnicodeEncodeError:
        raise ToolFailed("an argument holds half a surrogate pair, which is no text") from None
    return text


def _count_values(payload: str) -> int:
    """Return how many values a JSON text has at most, without parsing it."""
    rough = sum(map(payload.count, "[{,"))
    if rough <= MAX_VALUES:
        return rough
    # Most of it may lie in texts, which are between quotes that no backslash precedes.
    bare = payload.replace("\\\\", "").replace('\\"', "")
    if bare.count('"') > 4 * MAX_VALUES:
        return rough
    return sum(map("".join(bare.split('"')[::2]).count, "[{,"))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _default(value: Any) -> Any:
    """Return JSON values for a value that `json` cannot write itself."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$bytes": base64.b64encode(value).decode()}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, BaseModel):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return list(value)
    if isinstance(value, Iterator):
        items = list(itertools.islice(value, MAX_ITEMS + 1))
        if len(items) > MAX_ITEMS:
            raise ValueError(f"an iterator has more than {MAX_ITEMS:,} items; return fewer")
        return items
    try:
        return to_jsonable_python(value)
    except PydanticSerializationError:
        raise TypeError(f"a value of type {type(value).__name__} has no JSON form") from None
