"""Finds what is surely wrong with a value by its schema; everything doubtful is allowed.

Documents are hostile: schemas contain themselves, and alternatives multiply. So each comparison
has a number of steps, after which it knows nothing more to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pymode.documents.schemas import (
    MAX_SHOWN_VALUES,
    Follow,
    flatten,
    is_scalar,
    items,
    shorten,
    types,
    write_values,
)

MAX_STEPS: Final = 20_000
MAX_VALUE_DEPTH: Final = 6
MAX_NESTED_ALTERNATIVES: Final = 8
MAX_ALTERNATIVES: Final = 500
MAX_VIOLATIONS: Final = 20

# An alternative was hardly meant when it knows another `type`, or not what was sent.
_WEIGHTS: Final = {"lacks": 1, "type": 3, "enum": 100}
_UNKNOWN_WEIGHT: Final = 10
_NAMES: Final = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "a boolean",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is surely wrong with a value.

    Args:
        kind: "lacks" (a required property), "type" or "enum".
        place: of the value, such as "data.tags[0]"; "" is the whole.
        expected: the missing property, or what the value should be.
    """

    kind: str
    place: str
    expected: tuple[str, ...]


class _OutOfSteps(Exception):
    """The steps of a comparison are used up."""


def find_violations(
    follow: Follow, schema: object, value: object, steps: int = MAX_STEPS
) -> list[Violation]:
    """Return what is surely wrong with a value, at most `MAX_VIOLATIONS` things.

    Args:
        follow: resolves references.
        schema: as the document has it.
        value: parsed JSON.
        steps: of work, about a microsecond each; after them nothing more is found.
    """
    found: dict[Violation, None] = {}
    try:
        for violation in _Comparison(follow, steps).violations(schema, value, ""):
            found[violation] = None
            if len(found) == MAX_VIOLATIONS:
                break
    except _OutOfSteps:
        pass
    return list(found)


def describe(violations: Iterable[Violation], whole: str) -> list[str]:
    """Write violations as short clauses.

    Args:
        violations: from `compare`.
        whole: what the whole value is called, such as "body".
    """
    lacking: dict[str, list[str]] = {}
    clauses = []
    for violation in violations:
        place = violation.place.lstrip(".")
        if violation.kind == "lacks":
            lacking.setdefault(place, []).extend(violation.expected)
        elif violation.kind == "enum":
            clauses.append(f"{place or whole} must be {shorten(violation.expected)}")
        else:
            clauses.append(f"{place or whole} must be {' or '.join(violation.expected)}")
    lacks = [
        f"{place or whole} lacks {', '.join(names[:MAX_SHOWN_VALUES])} (required)"
        for place, names in lacking.items()
    ]
    return [clause[:300] for clause in (*lacks, *clauses)]


class _Comparison:
    def __init__(self, follow: Follow, steps: int) -> None:
        self._follow = follow
        self._steps = steps

    def violations(
        self, schema: object, value: object, place: str, depth: int = 0, nested: int = 0
    ) -> Iterator[Violation]:
        if depth > MAX_VALUE_DEPTH:
            return
        parts = flatten(self._follow, schema)
        self._spend(1 + len(parts))
        if value is None and any(part.get("nullable") is True for part in parts):
            return
        for part in parts:
            yield from self._own(part, value, place)
        if isinstance(value, dict):
            yield from self._object(parts, value, place, depth)
        elif isinstance(value, list):
            for part in parts:
                for index, item in enumerate(value[:MAX_SHOWN_VALUES] if "items" in part else ()):
                    yield from self.violations(part["items"], item, f"{place}[{index}]", depth + 1)
        for part in parts if nested < MAX_NESTED_ALTERNATIVES else ():
            for keyword in ("oneOf", "anyOf"):
                yield from self._alternatives(
                    items(part.get(keyword)), value, place, depth, nested + 1
                )

    def _own(self, part: Mapping[str, Any], value: object, place: str) -> Iterator[Violation]:
        allowed = types(part)
        if allowed and not any(_is_type(value, name) for name in allowed):
            yield Violation("type", place, tuple(_NAMES[name] for name in allowed))
            return
        values = [part["const"]] if "const" in part else part.get("enum")
        if isinstance(values, list) and values and is_scalar(value):
            self._spend(len(values))
            texts = write_values(values, value)
            if texts and not any(_same(value, one) for one in values):
                yield Violation("enum", place, texts)

    def _object(
        self, parts: list[Mapping[str, Any]], value: dict[str, Any], place: str, depth: int
    ) -> Iterator[Violation]:
        for part in parts:
            required = [name for name in items(part.get("required")) if isinstance(name, str)]
            self._spend(len(required))
            missing = [name for name in required if name not in value]
            if missing:
                yield from self._lacking(parts, required, missing, place)
        for part in parts:
            properties = part.get("properties")
            for name in value if isinstance(properties, dict) else ():
                self._spend(1)
                if isinstance(properties, dict) and name in properties:
                    shown = f"{place}.{name[:60]}"
                    yield from self.violations(properties[name], value[name], shown, depth + 1)

    def _lacking(
        self, parts: list[Mapping[str, Any]], required: list[str], missing: list[str], place: str
    ) -> Iterator[Violation]:
        defined = self._definitions(parts)
        read_only = {name for name in required if self._has(defined.get(name), "readOnly")}
        for name in missing:
            # Where answers and requests share one schema, its `required` is that of the answer.
            # Cloudflare's document marks created_on as read-only there, and forgets the id.
            if name in read_only or (name == "id" and read_only):
                continue
            if not self._has(defined.get(name), "default"):
                yield Violation("lacks", place, (name,))

    def _definitions(self, parts: list[Mapping[str, Any]]) -> dict[str, list[object]]:
        """Return what the schemas and their alternatives say about each property."""
        known = list(parts)
        for part in parts:
            for keyword in ("oneOf", "anyOf"):
                for option in items(part.get(keyword))[:MAX_ALTERNATIVES]:
                    found = flatten(self._follow, option)
                    self._spend(1 + len(found))
                    known += found
        defined: dict[str, list[object]] = {}
        for part in known:
            properties = part.get("properties")
            for name, schema in properties.items() if isinstance(properties, dict) else ():
                self._spend(1)
                defined.setdefault(name, []).append(schema)
        return defined

    def _has(self, schemas: list[object] | None, keyword: str) -> bool:
        parts = flatten(self._follow, *(schemas or ()))
        self._spend(len(parts))
        return any(part.get(keyword) not in (None, False) for part in parts)

    def _alternatives(
        self, options: list[Any], value: object, place: str, depth: int, nested: int
    ) -> list[Violation]:
        if not 0 < len(options) <= MAX_ALTERNATIVES:
            return []
        results = []
        weights = []
        for option in options:
            found = list(dict.fromkeys(self.violations(option, value, place, depth, nested)))
            if not found:
                return []
            results.append(found)
            unknown = self._unknown(option, value)
            weights.append(unknown + sum(_WEIGHTS[violation.kind] for violation in found))
        least = min(weights)
        likeliest = [r for r, weight in zip(results, weights, strict=True) if weight == least]
        return _common(results) or _common(likeliest)

    def _unknown(self, option: object, value: object) -> int:
        """Weigh the properties of a value that an alternative does not have."""
        if not isinstance(value, dict):
            return 0
        parts = flatten(self._follow, option)
        self._spend(len(parts) + len(value))
        known = [p["properties"] for p in parts if isinstance(p.get("properties"), dict)]
        return _UNKNOWN_WEIGHT * sum(not any(name in one for one in known) for name in value)

    def _spend(self, steps: int) -> None:
        self._steps -= steps
        if self._steps < 0:
            raise _OutOfSteps


def _common(results: list[list[Violation]]) -> list[Violation]:
    """Return what is wrong by every alternative, with their expectations joined."""
    expected: dict[tuple[str, str, str], dict[str, None]] = {}
    counts: dict[tuple[str, str, str], int] = {}
    for found in results:
        keys = set()
        for violation in found:
            name = violation.expected[0] if violation.kind == "lacks" and violation.expected else ""
            key = (violation.kind, violation.place, name)
            expected.setdefault(key, {}).update(dict.fromkeys(violation.expected))
            keys.add(key)
        for key in keys:
            counts[key] = counts.get(key, 0) + 1
    return [
        Violation(kind, place, tuple(expected[kind, place, name]))
        for kind, place, name in expected
        if counts[kind, place, name] == len(results)
    ]


def _is_type(value: object, name: str) -> bool:
    match name:
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return name == "number" or isinstance(value, int) or value.is_integer()


def _same(value: object, other: object) -> bool:
    # In Python 1 is True.
    return isinstance(value, bool) == isinstance(other, bool) and value == other
