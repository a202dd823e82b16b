"""JSON for what Python programs return, one value at a time, bounded in size and depth.

    dataclass, named tuple, mapping, SimpleNamespace     an object
    tuple, set, range, deque, view, iterator, generator  an array; a set is sorted
    datetime, date, time                                 ISO 8601
    timedelta                                            seconds
    bytes                                                {"$bytes": "<base64>"}
    Decimal                                              a number if that is exact, else a string
    Enum                                                 its value
    UUID, IP address, path, Fraction                     a string
    exception                                            "Type: message"
    NaN, Infinity                                        null, with a note
    a schema inside itself                               {"$ref": "#/components/schemas/…"}

Keys that are no strings become strings as in json; dates, numbers, enumerations and tuples too,
with a note. Everything else is an error that names the place.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import decimal
import enum
import fractions
import inspect
import ipaddress
import math
import pathlib
import re
import types
import uuid
from collections import deque
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from json.encoder import encode_basestring as quote
from typing import Any, Final

MAX_DEPTH: Final = 200  # levels; each costs the writer three frames of the interpreter's 1,000
_AS_TEXT: Final = (
    *(uuid.UUID, pathlib.PurePath, fractions.Fraction),
    *(ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Network, ipaddress.IPv6Network),
    *(ipaddress.IPv4Interface, ipaddress.IPv6Interface),
)
_AS_ARRAY: Final = (KeysView, ItemsView, ValuesView, Iterator, Sequence, deque)
_KEYS: Final = (*_AS_TEXT, datetime.date, datetime.time, decimal.Decimal, tuple)


class Unencodable(Exception):
    """A value has no JSON form; the message names the place and what to return instead."""


class ResultTooLarge(Exception):
    """The JSON text would be longer than the host takes."""

    def __init__(self, result_bytes: int) -> None:
        super().__init__(
            f"the result is larger than {result_bytes:,} bytes of JSON; return fewer fields, "
            "filter or aggregate in the code"
        )


class Writer:
    """Writes one value, once.

    Args:
        result_bytes: the most characters to write.
        pointers: where a document names the objects that contain themselves, by id.
    """

    def __init__(self, result_bytes: int, pointers: Mapping[int, str]) -> None:
        self._result_bytes = result_bytes
        self._pointers = pointers
        self._left = result_bytes
        self._parts: list[str] = []
        self._notes: dict[str, tuple[str, int]] = {}
        self._trail: list[str | int] = []
        self._open: list[int] = []

    def finish(self, value: object) -> tuple[str, tuple[str, ...]]:
        """Return the text and the notes; raise `Unencodable` or `ResultTooLarge`."""
        try:
            self._write(value)
        except RecursionError:
            raise self._too_deep() from None
        notes = (
            f"{what}: {count} of them, first at {place}" if count > 1 else f"{what}: at {place}"
            for what, (place, count) in self._notes.items()
        )
        return "".join(self._parts), tuple(notes)

    def _put(self, text: str) -> None:
        self._left -= len(text)
        if self._left < 0:
            raise ResultTooLarge(self._result_bytes)
        self._parts.append(text)

    def _note(self, what: str) -> None:
        place, count = self._notes.get(what, (self._place(), 0))
        self._notes[what] = place, count + 1

    def _place(self) -> str:
        text = "$"
        for step in self._trail:
            if isinstance(step, int):
                text += f"[{step}]"
            else:
                text += f".{step}" if step.isidentifier() else f"[{quote(step)}]"
        return text if len(text) <= 300 else f"{text[:150]} … {text[-140:]}"

    def _write(self, value: Any) -> None:
        kind = type(value)
        if kind is str:
            self._write_string(value)
        elif value is None:
            self._put("null")
        elif kind is bool:
            self._put("true" if value else "false")
        elif kind is int:
            self._write_integer(value)
        elif kind is float:
            self._write_float(value)
        elif kind is dict:
            self._write_object(value, value)
        elif kind is list or kind is tuple:
            self._write_array(value, value)
        else:
            self._write_other(value)

    def _write_string(self, value: str) -> None:
        if len(value) > self._left:
            raise ResultTooLarge(self._result_bytes)
        self._put(quote(value))

    def _write_integer(self, value: int) -> None:
        try:
            self._put(int.__repr__(value))
        except ValueError:
            raise self._refusal(
                "an integer of more than 4,300 digits cannot be returned; return hex(n)"
            ) from None

    def _write_float(self, value: float) -> None:
        if math.isfinite(value):
            self._put(float.__repr__(value))
        else:
            self._note("NaN and Infinity are not JSON and became null")
            self._put("null")

    def _write_object(self, value: object, fields: Mapping[Any, Any]) -> None:
        if not self._begin(value):
            return
        if any(type(key) is not str for key in fields):
            fields = self._name_fields(fields)
        separator = "{"
        for key, item in fields.items():
            self._trail.append(key)
            self._put(separator)
            self._write_string(key)
            self._put(":")
            self._write(item)
            self._trail.pop()
            separator = ","
        self._put("}" if separator == "," else "{}")
        self._open.pop()

    def _write_array(self, value: object, items: Iterable[Any]) -> None:
        if not self._begin(value):
            return
        separator = "["
        for index, item in enumerate(items):
            self._trail.append(index)
            self._put(separator)
            self._write(item)
            self._trail.pop()
            separator = ","
        self._put("]" if separator == "," else "[]")
        self._open.pop()

    def _begin(self, value: object) -> bool:
        """Open an object or an array; write a reference instead where a schema closes."""
        own = id(value)
        if own in self._open:
            if own in self._pointers:
                self._put(f'{{"$ref":{quote(self._pointers[own])}}}')
                return False
            start = len(self._open) - 1 - self._open[::-1].index(own)
            # A recursive schema that was entered in its middle closes at its name, further on.
            if not any(between in self._pointers for between in self._open[start:]):
                raise self._refusal(
                    f"the {type(value).__name__} contains itself; return a copy without that"
                )
        if len(self._open) >= MAX_DEPTH:
            raise self._too_deep()
        self._open.append(own)
        return True

    def _name_fields(self, fields: Mapping[Any, Any]) -> dict[str, Any]:
        named: dict[str, Any] = {}
        for key, item in fields.items():
            name = self._name(key)
            if name in named:
                self._note(f"two keys are both {quote(name)} as strings and the last one was kept")
            named[name] = item
        return named

    def _name(self, key: Any) -> str:
        if isinstance(key, enum.Enum):
            key = key.value
        if isinstance(key, str):
            return key
        if key is None or isinstance(key, bool):
            return {None: "null", True: "true", False: "false"}[key]
        if isinstance(key, (int, float)):
            return repr(key)
        if not isinstance(key, _KEYS):
            raise self._refusal(f"{_article(key)} cannot be a key; use a string")
        self._note(f"keys of the type {type(key).__name__} became strings")
        return key.isoformat() if isinstance(key, (datetime.date, datetime.time)) else str(key)

    def _write_other(self, value: Any) -> None:
        if isinstance(value, enum.Enum):
            self._write(value.value)
        elif isinstance(value, str):
            self._write_string(value)
        elif isinstance(value, int):
            self._write_integer(value)
        elif isinstance(value, float):
            self._write_float(value)
        elif (fields := _fields(value)) is not None:
            self._write_object(value, fields)
        elif isinstance(value, AbstractSet) and not isinstance(value, _AS_ARRAY):
            self._write_array(value, self._sort(value))
        elif isinstance(value, (bytes, bytearray, memoryview)):
            if len(value) > self._left:
                raise ResultTooLarge(self._result_bytes)
            self._put(f'{{"$bytes":"{base64.b64encode(value).decode()}"}}')
        elif isinstance(value, _AS_ARRAY):
            self._write_array(value, value)
        else:
            self._write_leaf(value)

    def _write_leaf(self, value: Any) -> None:
        if isinstance(value, (datetime.date, datetime.time)):
            self._put(quote(value.isoformat()))
        elif isinstance(value, datetime.timedelta):
            seconds = value.total_seconds()
            self._put(repr(int(seconds) if seconds.is_integer() else seconds))
        elif isinstance(value, decimal.Decimal):
            self._write_decimal(value)
        elif isinstance(value, _AS_TEXT):
            self._write_string(str(value))
        elif isinstance(value, BaseException):
            name, message = type(value).__name__, str(value)
            self._write_string(f"{name}: {message}" if message else name)
        else:
            raise self._refusal(_advise(value))

    def _write_decimal(self, value: decimal.Decimal) -> None:
        if not value.is_finite():
            self._write_float(math.nan)
        elif decimal.Decimal(repr(float(value))) != value:
            self._write_string(str(value))
        elif value == int(value):
            self._write_integer(int(value))
        else:
            self._write_float(float(value))

    def _sort(self, values: AbstractSet[Any]) -> list[Any]:
        """Order a set: by value where that works, else by the text of each."""
        # Sets compare as subsets, which is no order.
        if not any(isinstance(value, AbstractSet) for value in values):
            try:
                return sorted(values)
            except TypeError:
                pass
        texts: list[tuple[str, Any]] = []
        left = self._left
        for value in values:
            writer = Writer(left, self._pointers)
            writer._trail, writer._open = [*self._trail, len(texts)], self._open.copy()
            writer._write(value)
            left = writer._left
            texts.append(("".join(writer._parts), value))
        return [value for _, value in sorted(texts, key=lambda pair: pair[0])]

    def _too_deep(self) -> Unencodable:
        return self._refusal(f"nested deeper than {MAX_DEPTH} levels; return something flatter")

    def _refusal(self, what: str) -> Unencodable:
        return Unencodable(f"{self._place()}: {what}")


def _fields(value: Any) -> Mapping[Any, Any] | None:
    """Return the fields of a value that is written as an object, else None."""
    if isinstance(value, Mapping):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in dataclasses.fields(value))
        return {name: getattr(value, name) for name in names if hasattr(value, name)}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=True))
    if isinstance(value, types.SimpleNamespace):
        return vars(value)
    return None


def _article(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _advise(value: Any) -> str:
    """Return what is wrong with a value and what to return instead."""
    name = getattr(value, "__name__", None) or type(value).__name__
    if inspect.isawaitable(value):
        return f"{_article(value)} cannot be returned; put `await` before the call that makes it"
    if inspect.isasyncgen(value):
        return "an async generator cannot be returned; return [x async for x in it]"
    if isinstance(value, type):
        return f"the class {name} cannot be returned; return an instance's fields as a dict"
    if isinstance(value, re.Match):
        return "a match cannot be returned; return match.group() or match.groupdict()"
    if callable(value) and inspect.isroutine(value):
        return f"the function {name} cannot be returned; call it: {name}(…)"
    if isinstance(value, types.ModuleType):
        return f"the module {name} cannot be returned; return a value"
    return f"{_article(value)} object cannot be returned; return its fields as a dict"
