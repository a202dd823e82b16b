"""The parts of an answer: JSON of one value with what it costs in tokens."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Any

from pymode.answers.tokens import count_tokens_bound

SURROGATE = re.compile("[\ud800-\udfff]")
# Text denser than this (runs of blanks) counts as too long although it might fit.
CHARS_PER_TOKEN = 12

# Nothing nested deeper is shown, which also bounds the recursion.
MAX_DEPTH = 24

# The punctuation at the end of a part; it is counted again with the next part.
_ENDING = re.compile(r"[^0-9A-Za-z\x80-\U0010ffff]*\Z")
_ENDING_CHARS = 8


@dataclass(frozen=True, slots=True)
class Part:
    """JSON of one value as it is shown.

    Args:
        text: the JSON, for a value of a mapping with its key in front.
        tokens: what the text costs together with the comma in front of it.
    """

    text: str
    tokens: float


class _TooLongError(Exception):
    """The value is longer than asked for."""


def write_whole(
    value: Any, tokens: float, key: str = "", before: Part | None = None
) -> Part | None:
    """Return the whole value, or None if it takes more than `tokens` or is nested too deep.

    Args:
        value: what JSON can carry.
        tokens: the most that the text may cost.
        key: JSON text in front of the value.
        before: the part before it in its container, whose last quotes and brackets may share a
            token with the comma and the first ones of this part: `"},{"` is one.
    """
    pieces = [key]
    try:
        _write(value, pieces, [tokens * CHARS_PER_TOKEN + 50], MAX_DEPTH)
    except _TooLongError:
        return None
    text = "".join(pieces)
    joint = _ending(before.text) if before else ""
    spent = count_tokens_bound(joint)
    cost = float(count_tokens_bound(f"{joint},{text}", enough=tokens + spent) - spent)
    return Part(text, cost) if cost <= tokens else None


def _ending(text: str) -> str:
    match = _ENDING.search(text, max(0, len(text) - _ENDING_CHARS))
    return match.group() if match else ""


def _write(value: Any, pieces: list[str], room: list[float], depth: int) -> None:
    """Append the JSON of `value` to `pieces`, but give up beyond `room` characters or `depth`."""
    if isinstance(value, str):
        if len(value) > room[0]:
            raise _TooLongError
        text = quote(value)
    elif isinstance(value, list | dict):
        if depth == 0 or len(value) > room[0]:
            raise _TooLongError
        opening, text = "[]" if isinstance(value, list) else "{}"
        pieces.append(opening)
        for index, item in enumerate(value):
            if index:
                pieces.append(",")
            _write(item, pieces, room, depth - 1)
            if isinstance(value, dict):
                pieces.append(":")
                _write(value[item], pieces, room, depth - 1)
    else:
        text = _write_number(value)
    pieces.append(text)
    room[0] -= len(text)
    if room[0] < 0:
        raise _TooLongError


def _write_number(value: float | bool | None) -> str:
    if value is None or value is True or value is False:
        return "null" if value is None else str(value).lower()
    return repr(value) if isinstance(value, int) or math.isfinite(value) else "null"


def quote(text: str) -> str:
    """Return a text as a JSON string; half surrogate pairs, which have no UTF-8, are replaced."""
    quoted = encode_basestring(text)
    return quoted if quoted.isascii() else SURROGATE.sub("\ufffd", quoted)


def cost_of(text: str) -> float:
    """Return the tokens of a text."""
    return float(count_tokens_bound(text))
