"""The `$ref`s of a spec: each must lead to a value of the same document."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from typing import Any
from urllib.parse import unquote

from pymode.documents.syntax import MAX_DEPTH, TOO_DEEP
from pymode.errors import SpecError

# A `$ref` in data that leads nowhere is renamed, so that every `$ref` left is a reference.
LITERAL = "$ref_"

_MAX_HOPS = 100
_MAX_POINTER_CHARS = 10_000
_DATA_KEYS = frozenset({"example", "default", "enum", "const"})
# The keys of these mappings are names that the author chose: a property may be called "default".
_SCHEMA_MAPS = {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}
_COMPONENT_MAPS = {"schemas", "responses", "parameters", "headers", "requestBodies", "links"}
_OTHER_MAPS = {"securitySchemes", "callbacks", "pathItems", "content", "encoding", "variables"}
_NAME_KEYS = _SCHEMA_MAPS | _COMPONENT_MAPS | _OTHER_MAPS | {"paths", "webhooks"}

# Where a value stands: the place of its parent and the key there; None is the root.
Place = tuple["Place", str | int] | None


class _Kind(Enum):
    OBJECT = auto()
    NAMES = auto()
    EXAMPLES = auto()
    EXAMPLE = auto()
    DATA = auto()


def check(document: dict[str, Any]) -> None:
    """Refuse a document with a `$ref` that does not lead to a value in it.

    A `$ref` is a reference where its value is a string, except in data (examples, defaults,
    enums, extensions): there one that leads nowhere is renamed to `LITERAL`, in place.

    Raises:
        SpecError: a reference to another document, to nothing or around in a circle, or a
            document that is nested too deep; the message names the JSON pointer.
    """
    sound: set[str] = set()
    for node, place, kind in _walk(document):
        reference = node.get("$ref")
        if not isinstance(reference, str) or reference in sound:
            continue
        try:
            resolve(document, reference)
        except LookupError as error:
            if kind is _Kind.DATA:
                node[LITERAL] = node.pop("$ref")
                continue
            msg = f"the $ref at {_write(place)} {error}"
            raise SpecError(msg) from None
        sound.add(reference)


def resolve(document: dict[str, Any], reference: str) -> Any:
    """Return the value that `reference` leads to, through further references.

    Raises:
        LookupError: it leads out of the document, to nothing, or around in a circle.
    """
    seen = [reference]
    while True:
        if not (reference == "#" or reference.startswith("#/")):
            msg = (
                f"leads to {reference[:200]!r}, which is not a pointer into this document (#/…); "
                "bundle the spec into one file first (for example: npx @redocly/cli bundle)"
            )
            raise LookupError(msg)
        found, further = _descend(document, reference)
        if further is None:
            return found
        if further in seen or len(seen) > _MAX_HOPS or len(further) > _MAX_POINTER_CHARS:
            way = " → ".join([*seen[:4], further[:100]])
            msg = f"goes around in a circle: {way}; break the circle"
            raise LookupError(msg)
        seen.append(further)
        reference = further


def _descend(document: dict[str, Any], reference: str) -> tuple[Any, str | None]:
    """Follow a pointer to its value, or to a `$ref` on the way: then the rest follows from it."""
    tokens = unquote(reference[1:]).split("/")[1:]
    value: Any = document
    for index, token in enumerate([*tokens, None]):
        passed = isinstance(value, dict) and (token is None or _unescape(token) not in value)
        if passed and isinstance(value.get("$ref"), str):
            return None, "/".join([value["$ref"], *tokens[index:]])
        if token is None:
            break
        try:
            value = value[
                int(token) if isinstance(value, list) and token.isdecimal() else _unescape(token)
            ]
        except (LookupError, TypeError, ValueError):
            msg = f"leads to {reference[:200]!r}, which the document does not have; mend it there"
            raise LookupError(msg) from None
    return value, None


def _unescape(token: str) -> str:
    return token.replace("~1", "/").replace("~0", "~")


def _walk(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Place, _Kind]]:
    """Yield each mapping with a `$ref`, where it stands, and what it is there."""
    stack: list[tuple[Any, Place, _Kind, int]] = [(document, None, _Kind.OBJECT, 1)]
    while stack:
        value, place, kind, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise SpecError(TOO_DEEP)
        # `isinstance` with two types takes four times as long, and JSON has no others.
        if type(value) is dict:
            if "$ref" in value:
                yield value, place, kind
            children = [
                (child, (place, key), _kind(kind, key, child), depth + 1)
                for key, child in value.items()
                if type(child) is dict or type(child) is list
            ]
        else:
            children = [
                (child, (place, index), kind, depth + 1)
                for index, child in enumerate(value)
                if type(child) is dict or type(child) is list
            ]
        # The first violation in the order of the document is the one to report.
        if children:
            children.reverse()
            stack += children


def _kind(kind: _Kind, key: str, child: object) -> _Kind:
    if kind is _Kind.DATA:
        return _Kind.DATA
    if kind is _Kind.NAMES:
        return _Kind.OBJECT
    if kind is _Kind.EXAMPLES:
        return _Kind.EXAMPLE
    if key in _DATA_KEYS or key.startswith("x-") or (kind is _Kind.EXAMPLE and key == "value"):
        return _Kind.DATA
    if key == "examples":
        # OpenAPI names its examples in a mapping; JSON Schema lists plain values.
        return _Kind.EXAMPLES if isinstance(child, dict) else _Kind.DATA
    return _Kind.NAMES if key in _NAME_KEYS and isinstance(child, dict) else _Kind.OBJECT


def _write(place: Place) -> str:
    tokens: list[str] = []
    while place is not None:
        place, key = place
        tokens.append(str(key).replace("~", "~0").replace("/", "~1"))
    return "/".join(["#", *reversed(tokens)])
