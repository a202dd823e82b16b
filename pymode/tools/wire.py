"""The JSON form of arguments and results of tools; bytes become `{"$bytes": "…"}` in base64."""

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

# Up to here a value is read or written on the event loop, which takes at most half a millisecond.
# A larger one is handed to a thread, which costs a tenth of a millisecond.
SMALL_NODES, SMALL_CHARS = 1_000, 100_000
# Arguments are hostile: `[],` has 3 bytes as JSON and takes 100 bytes as a Python value.
MAX_VALUES = 500_000
# The guest writes at most 200 levels (`wasm/guest/jsonwriter.py`), and the writer of MCP messages
# takes 250.
MAX_DEPTH = 210
# The most items that are taken from an iterator, which may have no end.
MAX_ITEMS = 1_000_000

# Types whose values take little time to write; `_default` writes those that `json` cannot.
_PLAIN = (str, int, float, type(None), enum.Enum, datetime.date, datetime.time, datetime.timedelta)
_SMALL = (*_PLAIN, decimal.Decimal, uuid.UUID, PurePath)


def write(value: Any, max_bytes: int) -> str:
    """Write the result of a tool as JSON.

    Args:
        value: JSON values, bytes, dataclasses, pydantic models, sets, iterators, and whatever
            pydantic can turn into JSON values, such as dates.
        max_bytes: the most bytes that the JSON may have in UTF-8.

    Raises:
        ToolFailed: the value has no JSON form, or the JSON is too large; the message is for the
            code.
    """
    try:
        text = _ENCODER.encode(value)
        size = len(text) if text.isascii() else len(text.encode())
    except RecursionError:
        raise ToolFailed("the result is nested too deep, or contains itself") from None
    except UnicodeEncodeError:
        raise ToolFailed("the result holds a lone surrogate, which UTF-8 cannot encode") from None
    except (TypeError, ValueError) as error:
        raise ToolFailed(f"the result is not JSON: {error}") from None
    except Exception as error:
        # Iterators and attributes of a result may run code of the user, which may raise anything.
        raise ToolFailed(f"the result cannot be read: {type(error).__name__}: {error}") from None
    if size > max_bytes:
        msg = (
            f"the result has {size:,} bytes as JSON; at most {max_bytes:,} are taken. Ask for less"
        )
        raise ToolFailed(msg)
    return text


def is_small(value: Any) -> bool:
    """Say whether a value can be written on the event loop, without a thread.

    It looks at no more than 1,000 values, so it is fast for a large value, too.
    """
    left, pending = SMALL_NODES, [value]
    chars = 0
    while pending and left:
        node = pending.pop()
        left -= 1
        if isinstance(node, (str, bytes, bytearray)):
            chars += len(node)
        elif isinstance(node, dict):
            # A container that is too large is not copied: as many None use up what is left.
            pending += list(node.values()) if len(node) <= left else [None] * left
        elif isinstance(node, (list, tuple)):
            pending += node if len(node) <= left else [None] * left
        elif not isinstance(node, _SMALL):
            return False
    return left > 0 and chars <= SMALL_CHARS


def read_call(payload: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Read the call of a tool that the guest sent; the guest is hostile.

    Args:
        payload: {"tool": NAME, "arguments": {…}}.

    Returns:
        The name of the tool, the arguments with `{"$bytes": "…"}` decoded to bytes, and the
        arguments as plain JSON values.

    Raises:
        ToolFailed: the payload is not a call, has too many values or levels, or holds text that
            UTF-8 cannot encode.
    """
    if _count_values(payload) > MAX_VALUES:
        msg = f"the arguments have more than {MAX_VALUES:,} values; pass less at once"
        raise ToolFailed(msg)
    try:
        asked = _DECODER.decode(payload)
        name, written = asked["tool"], asked["arguments"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ToolFailed("the call of the tool cannot be read") from None
    if not isinstance(name, str) or not isinstance(written, dict):
        raise ToolFailed("the call of the tool cannot be read")
    return name, decode_bytes(written), written


def decode_bytes(value: Any, depth: int = 0) -> Any:
    """Return a value from the guest with every `{"$bytes": "…"}` decoded to bytes.

    Args:
        value: a JSON value.
        depth: how many containers it is in.

    Raises:
        ToolFailed: a `{"$bytes": "…"}` is not base64, a text cannot be encoded in UTF-8, or the
            value is nested too deep.
    """
    if isinstance(value, str):
        return _check_text(value)
    if depth > MAX_DEPTH:
        raise ToolFailed(f"the arguments are nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, list):
        return [decode_bytes(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and isinstance(value.get("$bytes"), str):
        try:
            return base64.b64decode(value["$bytes"], validate=True)
        except ValueError:
            raise ToolFailed("an argument claims to be bytes and is not base64") from None
    return {_check_text(name): decode_bytes(item, depth + 1) for name, item in value.items()}


def _check_text(text: str) -> str:
    """Refuse a lone surrogate: UTF-8 cannot encode it, so sending it would break the connection."""
    try:
        if not text.isascii():
            text.encode()
    except UnicodeEncodeError:
        raise ToolFailed("an argument holds half a surrogate pair, which is no text") from None
    return text


def _count_values(payload: str) -> int:
    """Return an upper bound of the number of values in a JSON text, without parsing it."""
    rough = sum(map(payload.count, "[{,"))
    if rough <= MAX_VALUES:
        return rough
    # Most of these characters may be inside strings. So escaped quotes are removed; of the parts
    # between the other quotes, every second one is outside a string.
    bare = payload.replace("\\\\", "").replace('\\"', "")
    # Splitting at so many quotes would take too much memory. A payload that has them is refused.
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


# Made once, because `json.dumps` and `json.loads` would make one for each call.
_ENCODER = json.JSONEncoder(ensure_ascii=False, default=_default, separators=(",", ":"))
_DECODER = json.JSONDecoder(parse_constant=_refuse)
