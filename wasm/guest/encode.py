"""The value that the code returned, as JSON text.

JSON values are written as they are; `jsonwriter` says what becomes of other objects. Nothing is
built that is larger than what may be sent: a resolved schema can be small in memory and endless
as text.
"""

from __future__ import annotations

import json
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from guest.jsonwriter import MAX_DEPTH, ResultTooLarge, Unencodable, Writer

__all__ = ["Encoded", "ResultTooLarge", "Unencodable", "encode"]

_SCALARS: Final = frozenset((int, float, bool, type(None)))
_ARRAYS: Final = frozenset((list, tuple))
_OBJECTS: Final = frozenset((dict, defaultdict, Counter, OrderedDict))
_encode_json: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")
).encode


class Encoded(NamedTuple):
    """A result as the host takes it.

    Args:
        text: compact JSON that has a UTF-8 form.
        notes: sentences about what could not be written as it was.
    """

    text: str
    notes: tuple[str, ...]


def encode(value: object, result_bytes: int, pointers: Mapping[int, str]) -> Encoded:
    """Write a value as JSON.

    Args:
        value: what the code returned; iterators in it are used up.
        result_bytes: the most that the UTF-8 text may take.
        pointers: where a document names the objects that contain themselves, by id.

    Raises:
        Unencodable: something in it has no JSON form; the message names the place.
        ResultTooLarge: the text would be longer than `result_bytes`.
        Exception: whatever a generator or a property of the value raises.
    """
    notes: tuple[str, ...] = ()
    text = _write_plain(value) if _is_plain(value, result_bytes, pointers) else None
    if text is None:
        text, notes = Writer(result_bytes, pointers).finish(value)
    if text.isascii():
        size = len(text)
    else:
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            size = len(text.encode())
            notes += ("half a surrogate pair is no character; it became U+FFFD",)
    if size > result_bytes:
        raise ResultTooLarge(result_bytes)
    return Encoded(text, notes)


def _write_plain(value: object) -> str | None:
    try:
        return _encode_json(value)
    except ValueError:  # NaN, Infinity, an integer of thousands of digits
        return None


def _is_plain(value: object, result_bytes: int, pointers: Mapping[int, str]) -> bool:
    """Tell whether json's own encoder can write the value without growing beyond all bounds.

    That encoder is several times faster than `Writer`, but it stops at no size and at no cycle.
    """
    left = result_bytes
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for node in level:
            kind = type(node)
            if kind is str:
                left -= len(node)
            elif kind in _SCALARS:
                continue
            elif kind in _OBJECTS and id(node) not in pointers:
                try:
                    # Besides their length this tells whether all keys are strings.
                    left -= len("".join(node)) + 4 * len(node)
                except TypeError:
                    return False
                below += node.values() if left >= 0 else ()
            elif kind in _ARRAYS and id(node) not in pointers:
                left -= len(node)
                below += node if left >= 0 else ()
            else:
                return False
        if left < 0:
            return False
        if not below:
            return True
        level = below
    return False
