"""Writes JSON Schemas as a Python signature, which a model reads before it calls a tool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymode.tools.tool import Schema

MAX_CHOICES = 8
MAX_SIGNATURE_CHARS = 1_000
MAX_DEPTH = 4

_TYPES = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "array": "list",
    "object": "dict",
    "null": "None",
}


def signature(name: str, input_schema: Schema, output_schema: Schema | None) -> str:
    """Return the signature of a tool, such as "query(sql: str, limit: int = 100) -> list[Row]".

    Required parameters come first. `wasm/guest/tools.py` assigns positional arguments in the same
    order. A signature of more than 1,000 characters is cut.

    Args:
        name: the name of the tool in the code.
        input_schema: the JSON Schema of the arguments, an object. It may come from an MCP server,
            so parts of it that make no sense are left out or become `Any`.
        output_schema: the JSON Schema of the result; None if it is not known.
    """
    properties = input_schema.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    listed = input_schema.get("required")
    required = set(filter(_is_text, listed)) if isinstance(listed, list) else set()
    parts = [
        _parameter(key, schema, is_required=key in required)
        for key, schema in sorted(properties.items(), key=lambda item: item[0] not in required)
    ]
    result = f" -> {write_type(output_schema)}" if output_schema is not None else ""
    text = f"{name}({', '.join(parts)}){result}"
    return text if len(text) <= MAX_SIGNATURE_CHARS else f"{text[:MAX_SIGNATURE_CHARS]}…"


def write_type(schema: object, depth: int = 0) -> str:
    """Return a Python type for the values that a schema allows, such as "list[str] | None".

    Args:
        schema: a JSON Schema; anything else becomes "Any".
        depth: how many schemas it is nested in; beyond 4 the type is "Any".
    """
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return "Any"
    if isinstance(reference := schema.get("$ref"), str):
        return reference.rpartition("/")[2] or "Any"
    if "const" in schema:
        return f"Literal[{schema['const']!r}]"
    choices = schema.get("enum")
    if isinstance(choices, list) and 0 < len(choices) <= MAX_CHOICES:
        return f"Literal[{', '.join(map(repr, choices))}]"
    for key in ("anyOf", "oneOf"):
        if isinstance(parts := schema.get(key), list) and parts:
            return _join(write_type(part, depth + 1) for part in parts)
    kind = schema.get("type")
    if isinstance(kind, list):
        return _join(_plain({**schema, "type": each}, depth) for each in kind)
    return _plain(schema, depth)


def _plain(schema: Mapping[str, Any], depth: int) -> str:
    kind = schema.get("type")
    if kind == "string" and schema.get("format") == "binary":
        return "bytes"
    if kind == "array" and "items" in schema:
        return f"list[{write_type(schema['items'], depth + 1)}]"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"dict[str, {write_type(schema['additionalProperties'], depth + 1)}]"
    return _TYPES.get(kind, "Any") if isinstance(kind, str) else "Any"


def _join(types: Any) -> str:
    found = list(dict.fromkeys(types))
    return "Any" if "Any" in found or not found else " | ".join(found)


def _parameter(name: str, schema: object, *, is_required: bool) -> str:
    text = f"{name}: {write_type(schema)}"
    if is_required:
        return text
    default = schema.get("default") if isinstance(schema, Mapping) else None
    shown = repr(default)
    return f"{text} = {shown if len(shown) <= 60 else '…'}"


def _is_text(value: object) -> bool:
    return isinstance(value, str)
