"""Shows what an entry changes in a file, without anybody's secrets."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

from pymode.cli.console import escape

_CONTEXT_LINES = 2
_MAX_LINE_CHARS = 2_000
_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'")
_KEY_END = re.compile(r"\s*[:=.]")
_HIDDEN = '"…"'


def compare(old: bytes, new: bytes, name: str, shown: Collection[str]) -> str:
    """Return a unified diff of two texts.

    Configurations hold the tokens of other servers, and terminals are copied into reports.

    Args:
        old: UTF-8.
        new: UTF-8.
        name: of the file.
        shown: the strings, in their quotes, that are shown as values; keys are shown always.
    """
    lines = difflib.unified_diff(
        old.decode().splitlines(), new.decode().splitlines(), name, name, n=_CONTEXT_LINES,
        lineterm="",
    )  # fmt: skip
    return "\n".join(_clean(line, number, shown) for number, line in enumerate(lines))


def _clean(line: str, number: int, shown: Collection[str]) -> str:
    if number < 2 or line.startswith("@@"):
        return escape(line)

    def hide(match: re.Match[str]) -> str:
        is_key = _KEY_END.match(line, match.end())
        return match[0] if is_key or match[0] in shown else _HIDDEN

    cleaned = escape(_STRING.sub(hide, line).replace("\t", "    "))
    return cleaned if len(cleaned) <= _MAX_LINE_CHARS else f"{cleaned[:_MAX_LINE_CHARS]}…"
