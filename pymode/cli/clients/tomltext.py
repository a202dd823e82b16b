"""TOML, changed in one table of its text: order, spaces, comments and the rest stay."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymode.cli.clients.jsontext import Unusable

Value = str | list[str]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"[A-Za-z0-9_-]+|\"(?:[^\"\\]|\\.)*\"|'[^']*'")
# In the order in which they must be tried.
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}|\'\'\'(?:[^\']|\'(?!\'\'))*\'{3,5}'
    r'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Statement:
    """A header or a pair; `keys` of a pair are those in its table."""

    is_header: bool
    keys: tuple[str, ...]
    start: int
    value: int
    end: int


def read(text: str) -> dict[str, Any]:
    """What a text holds.

    Args:
        text: without a byte order mark.

    Raises:
        Unusable: it is not TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Unusable(str(error)) from None
    except RecursionError:
        raise Unusable("it is nested too deep") from None


def put(text: str, path: Sequence[str], values: Mapping[str, Value], *, is_new: bool) -> str:
    """The text with a table that has these values.

    Args:
        text: TOML, without a byte order mark.
        path: the keys of the table, such as `mcp_servers` and its name.
        values: what is set in it.
        is_new: whether everything else in it, and in the tables below it, goes.

    Raises:
        Unusable: the table is written in another way than under a header of its own.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    tables = _find_tables(text, tuple(path))
    if not tables:
        lines = [f"[{'.'.join(path)}]", *(_pair(key, value) for key, value in values.items())]
        gap = newline if text.strip() else ""
        end = newline if text and not text.endswith("\n") else ""
        return text + end + gap + newline.join(lines) + newline
    own = tables[0]
    if own[0].keys != tuple(path) or (not is_new and any(len(pair.keys) > 1 for pair in own[1:])):
        raise Unusable(f"it has no table [{'.'.join(path)}] of its own")
    if is_new:
        pairs = newline.join(["", *(_pair(key, value) for key, value in values.items())])
        # From the end on, so that what is found stays where it is.
        for table in sorted(tables, key=lambda table: -table[0].start):
            if table is own:
                text = text[: own[0].end] + pairs + text[own[-1].end :]
            else:
                text = text[: table[0].start] + text[table[-1].end :].lstrip("\r\n")
        return text
    present = {pair.keys[0]: pair for pair in own[1:]}
    missing = [_pair(key, value) for key, value in values.items() if key not in present]
    text = newline.join([text[: own[-1].end], *missing]) + text[own[-1].end :]
    for key in sorted(present.keys() & values.keys(), key=lambda key: -present[key].start):
        text = text[: present[key].value] + _spell(values[key]) + text[present[key].end :]
    return text


def _find_tables(text: str, path: tuple[str, ...]) -> list[list[_Statement]]:
    """The table and those below it, each as its header and its pairs."""
    found: list[list[_Statement]] = []
    is_inside = False
    for statement in _scan(text):
        if statement.is_header:
            is_inside = statement.keys[: len(path)] == path
            if is_inside:
                found.append([statement])
        elif is_inside:
            found[-1].append(statement)
    return sorted(found, key=lambda table: (table[0].keys != path, table[0].start))


def _scan(text: str) -> Iterator[_Statement]:
    at = _skip(_BLANK, text, 0)
    while at < len(text):
        start, is_header = at, text[at] == "["
        while text[at] == "[":
            at += 1
        keys, at = _read_keys(text, at)
        value = at + 1
        if is_header:
            while text[at : at + 1] == "]":
                at += 1
        else:
            value = _skip(_SPACE, text, value)
            at = _pass_value(text, value)
        yield _Statement(is_header, keys, start, value, at)
        at = _skip(_BLANK, text, at)


def _read_keys(text: str, at: int) -> tuple[tuple[str, ...], int]:
    keys = []
    while True:
        key = _KEY.match(text, _skip(_SPACE, text, at))
        if key is None:
            raise Unusable("one of its keys cannot be read")
        keys.append(tomllib.loads(f"x = {key[0]}")["x"] if key[0][0] in "\"'" else key[0])
        at = _skip(_SPACE, text, key.end())
        if text[at : at + 1] != ".":
            return tuple(keys), at
        at += 1


def _pass_value(text: str, at: int) -> int:
    """The end of a value, without the spaces and the comment behind it."""
    depth, end = 0, at
    while at < len(text):
        char = text[at]
        string = _STRING.match(text, at) if char in "\"'" else None
        if string:
            at = end = string.end()
        elif char == "#":
            line = text.find("\n", at)
            at = len(text) if line < 0 else line
        elif char == "\n" and depth == 0:
            break
        else:
            depth += (char in "[{") - (char in "]}")
            at += 1
            end = end if char in " \t\r\n" else at
    return end


def _skip(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _pair(key: str, value: Value) -> str:
    return f"{key} = {_spell(value)}"


def _spell(value: Value) -> str:
    # JSON's strings are TOML's, but for one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
