"""JSON, changed in one place of its text: order, spaces and comments stay."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

_BLANK = re.compile(r"[ \t\r\n]*")
_COMMENT = re.compile(r"//[^\r\n]*|/\*.*?\*/", re.DOTALL)
_MAX_LEVELS = 100


class Unusable(ValueError):
    """A text that cannot be changed; the message says why, and where."""


@dataclass(frozen=True, slots=True)
class _Member:
    key: int
    start: int
    end: int
    value: Any


@dataclass(frozen=True, slots=True)
class _Object:
    start: int
    end: int
    members: dict[str, _Member]
    repeated: frozenset[str]
    ends_in_comma: bool

    @property
    def value(self) -> dict[str, Any]:
        return {name: member.value for name, member in self.members.items()}

    def find(self, name: str) -> _Member | None:
        if name in self.repeated:
            raise Unusable(f'it has "{name}" twice')
        return self.members.get(name)


def read(text: str, path: Sequence[str] = (), *, is_lax: bool) -> dict[str, Any]:
    """Return the object of a text; an empty text has an empty object.

    Args:
        text: without a byte order mark.
        path: keys, one in the other, that lead to objects if they are there.
        is_lax: whether comments and trailing commas may be in it.

    Raises:
        Unusable: it holds anything else, or a key of the path twice in one object.
    """
    if not text.strip():
        return {}
    scan = _Scan(text, is_lax)
    found = root = scan.root()
    for name in path:
        member = found.find(name)
        if member is None:
            break
        found = scan.object(member.start, 0)
    return root.value


def put(text: str, path: Sequence[str], value: Any, *, is_lax: bool) -> str:
    """Return the text with one member set; missing objects on the way to it are made.

    Args:
        text: without a byte order mark.
        path: the keys that lead to the member.
        value: of the member, in place of what it had.
        is_lax: see `read`.

    Raises:
        Unusable: the text holds no object, or the way leads through what is none or is there twice.
    """
    if not text.strip():
        return text + _dump(_nest(path, value), "  ", "") + "\n"
    scan = _Scan(text, is_lax)
    found = root = scan.root()
    unit = _find_unit(text, root)
    for depth, name in enumerate(path):
        member = found.find(name)
        if member is None:
            return _insert(text, found, name, _nest(path[depth + 1 :], value), unit)
        if depth == len(path) - 1:
            return _replace(text, member, value, unit)
        found = scan.object(member.start, 0)
    raise AssertionError("a path has a last key")


class _Scan:
    def __init__(self, text: str, is_lax: bool) -> None:
        self._text = text
        self._is_lax = is_lax
        self._decoder = json.JSONDecoder(parse_constant=self._refuse_constant)

    def root(self) -> _Object:
        found = self.object(self._skip(0), 0)
        end = self._skip(found.end)
        if end != len(self._text):
            self._fail("there is more after the last }", end)
        return found

    def object(self, start: int, level: int) -> _Object:
        if self._text[start : start + 1] != "{":
            self._fail("an object must begin with {", start)
        members: dict[str, _Member] = {}
        repeated = set()
        at, ends_in_comma = self._skip(start + 1), False
        while self._text[at : at + 1] != "}":
            if members and not ends_in_comma:
                self._fail("a comma or } is missing", at)
            if self._text[at : at + 1] != '"':
                self._fail('a key in " is missing', at)
            name, colon = self._scalar(at)
            colon = self._skip(colon)
            if self._text[colon : colon + 1] != ":":
                self._fail("a colon is missing", colon)
            first = self._skip(colon + 1)
            value, end = self._value(first, level + 1)
            if name in members:
                repeated.add(name)
            members[name] = _Member(at, first, end, value)
            at, ends_in_comma = self._pass_comma(end, "}")
        return _Object(start, at + 1, members, frozenset(repeated), ends_in_comma)

    def _array(self, start: int, level: int) -> tuple[list[Any], int]:
        values: list[Any] = []
        at, has_comma = self._skip(start + 1), True
        while self._text[at : at + 1] != "]":
            if not has_comma:
                self._fail("a comma or ] is missing", at)
            value, end = self._value(at, level + 1)
            values.append(value)
            at, has_comma = self._pass_comma(end, "]")
        return values, at + 1

    def _value(self, at: int, level: int) -> tuple[Any, int]:
        if level > _MAX_LEVELS:
            self._fail("it is nested too deep", at)
        first = self._text[at : at + 1]
        if self._is_lax and first == "{":
            found = self.object(at, level)
            return found.value, found.end
        if self._is_lax and first == "[":
            return self._array(at, level)
        return self._scalar(at)

    def _scalar(self, at: int) -> tuple[Any, int]:
        """Read a value without comments with the standard library, which is fast."""
        try:
            return self._decoder.raw_decode(self._text, at)
        except json.JSONDecodeError as error:
            self._fail(error.msg, error.pos)
        except RecursionError:
            self._fail("it is nested too deep", at)
        except Unusable:
            raise
        except ValueError:
            self._fail("it has a number that is too long", at)

    def _pass_comma(self, end: int, closing: str) -> tuple[int, bool]:
        at = self._skip(end)
        if self._text[at : at + 1] != ",":
            return at, False
        after = self._skip(at + 1)
        if self._text[after : after + 1] == closing and not self._is_lax:
            self._fail("a comma comes before the end", at)
        return after, True

    def _skip(self, at: int) -> int:
        at = self._end(_BLANK, at)
        while self._is_lax and (comment := _COMMENT.match(self._text, at)):
            at = self._end(_BLANK, comment.end())
        return at

    def _end(self, pattern: re.Pattern[str], at: int) -> int:
        match = pattern.match(self._text, at)
        return match.end() if match else at

    def _refuse_constant(self, name: str) -> NoReturn:
        raise Unusable(f"{name} is no JSON")

    def _fail(self, reason: str, at: int) -> NoReturn:
        line = self._text.count("\n", 0, at) + 1
        column = at - (self._text.rfind("\n", 0, at) + 1) + 1
        raise Unusable(f"{reason} (line {line}, column {column})")


def _insert(text: str, into: _Object, name: str, value: Any, unit: str | None) -> str:
    members = list(into.members.values())
    last, close = members[-1].end if members else into.start + 1, into.end - 1
    # What stands between, such as a comment on the last member, stays with it.
    rest = text[last:close].rstrip()
    ending = text[last + len(rest) : close]
    comma = "," if members and not into.ends_in_comma else ""
    if unit is None or (members and "\n" not in text[into.start : close]):
        space = " " if members else ""
        written = f"{space}{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"
        return f"{text[:last]}{comma}{rest}{written}{ending}{text[close:]}"
    newline = "\r\n" if "\r\n" in text else "\n"
    base = _indentation(text, into.start)
    indent = base + unit
    if members and _begins_line(text, members[-1].key):
        indent = _indentation(text, members[-1].key)
    written = f"{json.dumps(name)}: {_dump(value, unit, indent)}".replace("\n", newline)
    if "\n" not in ending:
        ending = newline + base
    return f"{text[:last]}{comma}{rest}{newline}{indent}{written}{ending}{text[close:]}"


def _replace(text: str, member: _Member, value: Any, unit: str | None) -> str:
    is_one_line = "\n" not in text[member.start : member.end]
    if unit is None or (is_one_line and not isinstance(member.value, dict)):
        written = json.dumps(value, ensure_ascii=False)
    else:
        written = _dump(value, unit, _indentation(text, member.key))
        written = written.replace("\n", "\r\n" if "\r\n" in text else "\n")
    return text[: member.start] + written + text[member.end :]


def _dump(value: Any, unit: str, indent: str) -> str:
    return json.dumps(value, indent=unit, ensure_ascii=False).replace("\n", f"\n{indent}")


def _nest(path: Sequence[str], value: Any) -> Any:
    for name in reversed(path):
        value = {name: value}
    return value


def _find_unit(text: str, root: _Object) -> str | None:
    """Return the indentation of one level, or None for a text on one line."""
    first = next(iter(root.members.values()), None)
    if first is None:
        # {} is what programs write before there is anything.
        return "  "
    if "\n" not in text[root.start : root.end]:
        return None
    return (_indentation(text, first.key) if _begins_line(text, first.key) else "") or "  "


def _begins_line(text: str, at: int) -> bool:
    return not text[text.rfind("\n", 0, at) + 1 : at].strip()


def _indentation(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]
