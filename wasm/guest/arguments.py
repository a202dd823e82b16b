"""Check the arguments of a tool against its JSON Schema, before the call leaves the sandbox.

Only what a model can mend is reported: names, types, choices, ranges. Other keywords (formats,
patterns, conditions) are left to the tool, so that nothing valid is refused.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

MAX_DEPTH = 40
SHOWN_PROBLEMS = 5
MAX_SHOWN_CHARS = 80
SHOWN_LEVELS = 2
# A schema of a few lines can take endless time to check. These take 0.1 s; what is not checked by
# then is left to the tool.
MOST_CHECKS = 10_000
COMPARED_NAMES, COMPARED_CHARS = 200, 64

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def find_problems(arguments: dict[str, Any], schema: Any) -> list[str]:
    """Return what is wrong with the arguments; nothing where all is well.

    Args:
        arguments: JSON values by name.
        schema: of an object; anything may be in it, as it comes from elsewhere.
    """
    problems = []
    try:
        for problem in _check(arguments, schema, _Root(schema), "", 0):
            problems.append(problem)
            if len(problems) == SHOWN_PROBLEMS:
                break
    except _TooManyChecks:
        pass
    return problems


class _TooManyChecks(Exception):
    """The schema has more ways through it than there is time."""


class _Root:
    """The schema that references refer to, and how many checks are left."""

    def __init__(self, schema: Any) -> None:
        self.schema = schema
        self._left = MOST_CHECKS

    def spend(self, checks: int) -> None:
        self._left -= checks
        if self._left < 0:
            raise _TooManyChecks


def _check(value: Any, schema: Any, root: _Root, place: str, depth: int) -> Iterator[str]:
    if schema is False:
        yield f"{place or 'this'} is not allowed"
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return
    root.spend(1)
    if "$ref" in schema:
        yield from _check(value, _follow(schema["$ref"], root.schema), root, place, depth + 1)
    if wrong := _check_type(value, schema, place):
        yield wrong
        return
    if isinstance(choices := schema.get("enum"), list):
        root.spend(len(choices) // 50)
        if value not in choices:
            yield f"{place} must be one of {_show(choices)}, not {_show(value)}"
    if "const" in schema and value != schema["const"]:
        yield f"{place} must be {_show(schema['const'])}, not {_show(value)}"
    yield from _check_size(value, schema, place)
    if isinstance(value, dict) and "$bytes" not in value:
        yield from _check_object(value, schema, root, place, depth)
    elif isinstance(value, list) and "items" in schema and "prefixItems" not in schema:
        for index, item in enumerate(value):
            yield from _check(item, schema["items"], root, f"{place}[{index}]", depth + 1)
    yield from _check_choices(value, schema, root, place, depth)


def _check_type(value: Any, schema: dict[str, Any], place: str) -> str:
    names = schema.get("type")
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or (value is None and schema.get("nullable") is True):
        return ""
    known = [name for name in names if isinstance(name, str) and name in _TYPES]
    if len(known) < len(names) or any(_is(value, name) for name in known):
        return ""
    return f"{place or 'the arguments'} must be {' or '.join(known)}, not {_show(value)}"


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if isinstance(value, dict) and "$bytes" in value:
        return name in ("string", "object")
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[name])


def _check_size(value: Any, schema: dict[str, Any], place: str) -> Iterator[str]:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        bounds: tuple[tuple[str, str, Callable[[float], bool]], ...] = (
            ("minimum", "at least", lambda bound: value < bound),
            ("maximum", "at most", lambda bound: value > bound),
            ("exclusiveMinimum", "more than", lambda bound: value <= bound),
            ("exclusiveMaximum", "less than", lambda bound: value >= bound),
        )
        for keyword, words, fails in bounds:
            bound = schema.get(keyword)
            if isinstance(bound, (int, float)) and not isinstance(bound, bool) and fails(bound):
                yield f"{place} must be {words} {bound}, not {value}"
    if isinstance(value, (str, list)):
        kind, unit = ("Length", "characters") if isinstance(value, str) else ("Items", "items")
        least, most = schema.get(f"min{kind}"), schema.get(f"max{kind}")
        if isinstance(least, int) and len(value) < least:
            yield f"{place} must have at least {least} {unit}, not {len(value)}"
        if isinstance(most, int) and len(value) > most:
            yield f"{place} must have at most {most} {unit}, not {len(value)}"


def _check_object(
    value: dict[str, Any], schema: dict[str, Any], root: _Root, place: str, depth: int
) -> Iterator[str]:
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    required = schema.get("required")
    required = required if isinstance(required, list) else []
    root.spend(len(required) // 50)
    for name in required:
        if isinstance(name, str) and name not in value:
            yield f"missing {_join(place, name)}"
    others = schema.get("additionalProperties", True)
    for name, item in value.items():
        where = _join(place, name)
        if name in properties:
            yield from _check(item, properties[name], root, where, depth + 1)
        elif "patternProperties" in schema:
            # A pattern may fit it, and patterns of others may take for ever.
            continue
        elif others is False:
            near = _find_near(name, properties, root)
            yield f"unknown {where}" + (f" (did you mean {near[0]}?)" if near else "")
        else:
            yield from _check(item, others, root, where, depth + 1)


def _check_choices(
    value: Any, schema: dict[str, Any], root: _Root, place: str, depth: int
) -> Iterator[str]:
    every = schema.get("allOf")
    for part in every if isinstance(every, list) else ():
        yield from _check(value, part, root, place, depth + 1)
    for keyword in ("anyOf", "oneOf"):
        choices = schema.get(keyword)
        if not isinstance(choices, list) or not choices:
            continue
        failures = [list(_check(value, choice, root, place, depth + 1)) for choice in choices]
        if all(failures):
            # Most choices are "this or null": the one that came nearest says what is meant.
            yield min(failures, key=len)[0]


def _follow(reference: Any, root: Any) -> Any:
    """Return what a reference inside the schema refers to; True, which allows all, for others."""
    # Other fragments are anchors, which are anywhere.
    if reference != "#" and not (isinstance(reference, str) and reference.startswith("#/")):
        return True
    node = root
    for part in reference[1:].split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, dict) or key not in node:
            return True
        node = node[key]
    return node


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _find_near(name: str, properties: Mapping[str, Any], root: _Root) -> list[str]:
    if len(name) > COMPARED_CHARS:
        return []
    known = [each for each in properties if len(each) <= COMPARED_CHARS][:COMPARED_NAMES]
    # One comparison takes about as long as ten checks.
    root.spend(10 * len(known))
    return difflib.get_close_matches(name, known, n=1)


def _show(value: Any, depth: int = 0) -> str:
    """Write a value as Python does, as far as it is shown."""
    if isinstance(value, str):
        text = repr(value[: MAX_SHOWN_CHARS + 1])
    elif isinstance(value, (list, dict)) and depth > SHOWN_LEVELS:
        text = "…"
    elif isinstance(value, list):
        text = f"[{', '.join(_show(item, depth + 1) for item in value[:MAX_SHOWN_CHARS])}]"
    elif isinstance(value, dict):
        pairs = itertools.islice(value.items(), MAX_SHOWN_CHARS)
        shown = (f"{_show(name, depth + 1)}: {_show(item, depth + 1)}" for name, item in pairs)
        text = f"{{{', '.join(shown)}}}"
    else:
        text = repr(value)
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}…"
