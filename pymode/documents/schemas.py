"""Reads the schemas of an untrusted document, through `$ref` and `allOf`, within bounds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

MAX_PARTS: Final = 200
MAX_SHOWN_VALUES: Final = 12

TYPES: Final = frozenset({"string", "integer", "number", "boolean", "array", "object", "null"})

Follow = Callable[[object], Mapping[str, Any]]
"""`Operations.follow`."""


def flatten(follow: Follow, *schemas: object) -> list[Mapping[str, Any]]:
    """Return all schemas that a value must fit, through `$ref` and `allOf`."""
    pending = list(reversed(schemas))
    seen: set[int] = set()
    parts: list[Mapping[str, Any]] = []
    for _ in range(4 * MAX_PARTS):
        if not pending or len(parts) == MAX_PARTS:
            break
        schema = follow(pending.pop())
        if not schema or id(schema) in seen:
            continue
        seen.add(id(schema))
        parts.append(schema)
        pending += reversed(items(schema.get("allOf"))[:MAX_PARTS])
    return parts


def types(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the known JSON types that a schema itself names, or ()."""
    named = schema.get("type")
    found = [named] if isinstance(named, str) else items(named)
    known = tuple(name for name in found if isinstance(name, str) and name in TYPES)
    return known if len(known) == len(found) else ()


def shorten(values: tuple[str, ...]) -> str:
    """Write what a value may be: "one of A, B, …"."""
    shown = ", ".join(value[:60] for value in values[:MAX_SHOWN_VALUES])
    more = ", …" if len(values) > MAX_SHOWN_VALUES else ""
    return f"one of {shown}{more}" if len(values) > 1 else shown


def write_values(values: list[Any], given: object) -> tuple[str, ...]:
    """Write the values of an enum; of many, those that begin like the given one come first."""
    texts = [v if isinstance(v, str) else json.dumps(v) for v in values if is_scalar(v)]
    if isinstance(given, str) and given:
        start = given[:3].casefold()
        texts.sort(key=lambda text: not text.casefold().startswith(start))
    return tuple(dict.fromkeys(texts))


def is_scalar(value: object) -> bool:
    """Say whether a JSON value is neither a list nor an object."""
    return value is None or isinstance(value, str | int | float)


def items(value: object) -> list[Any]:
    """Return a list unchanged, and an empty list for anything else."""
    return value if isinstance(value, list) else []
