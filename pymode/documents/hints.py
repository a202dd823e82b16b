"""What the schemas of a value say about it: its type, its properties, an example."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pymode.documents.schemas import types

# Other than None, which may itself be an example.
NOTHING: Final = object()


def properties(parts: list[Mapping[str, Any]]) -> Iterator[tuple[str, object]]:
    """Yield the name and the schema of each property that the parts define."""
    for part in parts:
        properties = part.get("properties")
        if isinstance(properties, dict):
            yield from properties.items()


def find_kind(parts: list[Mapping[str, Any]]) -> str:
    """Return the JSON type that the parts describe; "" if they do not say."""
    named = [name for part in parts for name in types(part) if name != "null"]
    for part in parts:
        if isinstance(part.get("properties"), dict):
            return "object"
        if "items" in part:
            return "array"
    if named:
        return named[0]
    return "null" if any("null" in types(part) for part in parts) else ""


def find_example(parts: list[Mapping[str, Any]]) -> Any:
    """Return the value that the parts themselves show."""
    for key in ("example", "const", "default"):
        for part in parts:
            if part.get(key) is not None:
                return part[key]
    for key in ("enum", "examples"):
        for part in parts:
            values = part.get(key)
            if isinstance(values, list) and values:
                return values[0]
    return NOTHING


def agrees(hint: object, kind: str) -> bool:
    """Say whether an example has the type of its schema; "false" for a boolean is common."""
    expected = {"string": str, "boolean": bool, "integer": int, "number": int | float}.get(kind)
    if expected is None or hint is None:
        return True
    return isinstance(hint, expected) and (kind == "boolean") == isinstance(hint, bool)


def convert(given: object, kind: str) -> object:
    """Read a number out of the text of a path."""
    if kind == "integer" and isinstance(given, str) and re.fullmatch(r"-?\d{1,18}", given):
        return int(given)
    return given
