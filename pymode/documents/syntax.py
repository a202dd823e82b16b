"""Parses the bytes of a document into plain JSON values: JSON, or YAML without its traps.

A spec may come from anywhere, so nothing here recurses on the depth of a document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from pymode.errors import SpecError

# What is read before a loader looks at it. JSON of this size needs more memory than a guest can
# have, so the limit that a spec meets is that of memory.
MAX_SPEC_BYTES = 512 * 1024 * 1024
# The deepest of Cloudflare's documents has 29 levels.
MAX_DEPTH = 100
TOO_DEEP = (
    f"the spec is nested more than {MAX_DEPTH} levels deep, which no API description needs; "
    "take a correct copy of it"
)

# YAML 1.2 (core schema), which OpenAPI asks for: `on`, `no` and dates stay strings.
_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TAG = "tag:yaml.org,2002:"


def read(raw: bytes) -> dict[str, Any]:
    """Return the mapping that `raw` holds, as JSON values only.

    Args:
        raw: a whole spec in UTF-8; JSON when it begins with `{`, YAML otherwise.

    Raises:
        SpecError: not UTF-8, not JSON or YAML, cut off, too deep, or not a mapping.
    """
    text = _decode(raw)
    start = text.lstrip()[:1]
    if not start:
        msg = "the spec is empty; give an OpenAPI document in JSON or YAML"
        raise SpecError(msg)
    if start == "<":
        msg = (
            "the spec is HTML or XML, not JSON or YAML: perhaps the page of a proxy or a sign-in; "
            "open the address in a browser and look for the raw document"
        )
        raise SpecError(msg)
    value = _read_json(text) if start == "{" else _read_yaml(text)
    if not isinstance(value, dict):
        msg = "the spec is not an OpenAPI document: its outermost value is not a mapping"
        raise SpecError(msg)
    return value


def _decode(raw: bytes) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in raw[:4]:
        msg = "the spec is in UTF-16 or UTF-32; save it as UTF-8"
        raise SpecError(msg)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        msg = f"the spec is not UTF-8 (byte {error.start:,}); save it as UTF-8"
        raise SpecError(msg) from None


def _read_json(text: str) -> object:
    def refuse(constant: str) -> NoReturn:
        msg = f"the spec is not JSON: it holds {constant}, which JSON does not have"
        raise SpecError(msg)

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno:,}, column {error.colno:,}: {error.msg}"
        if not text.rstrip().endswith("}") or error.pos >= len(text.rstrip()):
            msg = f"the spec looks truncated: its JSON ends too early ({where}); take a whole copy"
            raise SpecError(msg) from None
        msg = f"the spec is not valid JSON ({where}); mend it there"
        raise SpecError(msg) from None
    except RecursionError:
        raise SpecError(TOO_DEEP) from None
    except ValueError:
        # Python reads no integer of more than 4,300 digits.
        msg = "the spec holds a number with thousands of digits; mend it there"
        raise SpecError(msg) from None


def _read_yaml(text: str) -> object:
    # A JSON spec must not wait for this import.
    import yaml

    raw = text.encode()
    # libyaml reads 10 MB in 3 s, the parser in Python in 60 s.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Builder().build(yaml.parse(raw, Loader=loader))
    except yaml.MarkedYAMLError as error:
        # libyaml has a limit of its own since PyYAML 6.0.4 (1,000 levels), and may reach it while
        # it looks ahead, before the builder has seen a single level.
        if "nesting depth" in (error.problem or ""):
            raise SpecError(TOO_DEEP) from None
        mark = error.problem_mark
        where = f"line {mark.line + 1:,}, column {mark.column + 1:,}: " if mark else ""
        last_line, _, last_text = text.rstrip().rpartition("\n")
        end = (last_line.count("\n") + bool(last_line), len(last_text))
        if mark and (mark.line, mark.column) >= end:
            msg = (
                f"the spec looks truncated: its YAML ends too early "
                f"({where}{error.problem}); take a whole copy"
            )
            raise SpecError(msg) from None
        msg = f"the spec is not valid YAML ({where}{error.problem}); mend it there"
        raise SpecError(msg) from None
    except yaml.YAMLError as error:
        msg = f"the spec is not valid YAML: {str(error).splitlines()[0]}; mend it there"
        raise SpecError(msg) from None


@dataclass(slots=True)
class _Open:
    """A mapping or sequence that is still open."""

    value: dict[str, Any] | list[Any]
    anchor: str | None
    size: int = 1
    key: str | None = None
    merged: list[dict[str, Any]] | None = None


class _Builder:
    """Builds JSON values from YAML events.

    Events instead of `yaml.load`, because that recurses and knows YAML 1.1 only. Aliases share
    their value; `size` is what the value takes when written out, so a bomb of aliases is seen.
    """

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[object, int]] = {}
        self._roots: list[object] = []

    def build(self, events: Iterable[Any]) -> object:
        for event in events:
            match type(event).__name__:
                case "ScalarEvent":
                    self._scalar(event)
                case "MappingStartEvent":
                    self._start({}, event)
                case "SequenceStartEvent":
                    self._start([], event)
                case "MappingEndEvent" | "SequenceEndEvent":
                    self._end(event)
                case "AliasEvent":
                    self._alias(event)
        return self._roots[0] if self._roots else None

    def _scalar(self, event: Any) -> None:
        text: str = event.value
        parent = self._open[-1] if self._open else None
        if parent and isinstance(parent.value, dict) and parent.key is None:
            value: object = text
        else:
            value = _plain(event) if event.tag or event.implicit[0] else text
        if event.anchor:
            self._anchors[event.anchor] = (value, len(text) + 1)
        self._put(value, len(text) + 1, event)

    def _start(self, value: dict[str, Any] | list[Any], event: Any) -> None:
        if event.tag and event.tag not in ("!", _TAG + "map", _TAG + "seq"):
            _refuse(event, f"the tag {event.tag!r} is not known here; leave it out")
        if len(self._open) >= MAX_DEPTH:
            raise SpecError(TOO_DEEP)
        self._open.append(_Open(value, event.anchor))

    def _end(self, event: Any) -> None:
        closed = self._open.pop()
        if isinstance(closed.value, dict):
            for mapping in closed.merged or ():
                closed.value = {**mapping, **closed.value}
        if closed.anchor:
            self._anchors[closed.anchor] = (closed.value, closed.size)
        self._put(closed.value, closed.size, event)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            _refuse(event, f"the alias *{event.anchor} has no anchor that ends before it")
        value, size = self._anchors[event.anchor]
        self._put(value, size, event)

    def _put(self, value: object, size: int, event: Any) -> None:
        if not self._open:
            if self._roots:
                _refuse(event, "there is a second document; keep one document in the file")
            self._roots.append(value)
            return
        parent = self._open[-1]
        parent.size += size
        if parent.size > MAX_SPEC_BYTES:
            _refuse(event, f"its aliases unfold to more than {MAX_SPEC_BYTES >> 20} MiB")
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.key is None:
            if not isinstance(value, str):
                _refuse(event, "a key is not a plain text")
            if value in parent.value:
                _refuse(event, f"the key {value!r} stands there twice; keep one")
            parent.key = value
        else:
            if parent.key == "<<" and isinstance(value, dict | list):
                items = value if isinstance(value, list) else [value]
                parent.merged = [item for item in items if isinstance(item, dict)]
            else:
                parent.value[parent.key] = value
            parent.key = None


def _plain(event: Any) -> object:
    text: str = event.value
    match event.tag:
        case None:
            pass
        case "!" | "tag:yaml.org,2002:str":
            return text
        case tag if tag.removeprefix(_TAG) not in ("int", "float", "bool", "null"):
            _refuse(event, f"the tag {tag!r} is not known here; leave it out")
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in "+-.0123456789":
        return text
    try:
        if _INTEGER.fullmatch(text):
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        return float(text) if _FLOAT.fullmatch(text) else text
    except ValueError:
        _refuse(event, "a number has too many digits")


def _refuse(event: Any, reason: str) -> NoReturn:
    mark = event.start_mark
    msg = f"the spec cannot be used (line {mark.line + 1:,}, column {mark.column + 1:,}): {reason}"
    raise SpecError(msg)
