"""Puts lines before a model's code to give it plain names; errors still count the model's lines."""

from __future__ import annotations

import re
import textwrap

_FENCE = re.compile(r"\s*(?:```|~~~)[^\n]*\n")
_PLACE = re.compile(r"^([ |]*)line (\d+)(?=, column \d+: |, in [\w<>]+: |: )", re.MULTILINE)


def put_before(prelude: str, code: str) -> tuple[str, int]:
    """Return the code with lines before it, and how many they are.

    Args:
        prelude: whole lines of Python.
        code: of the model; fenced and indented code stays what it is.
    """
    if fence := _FENCE.match(code):
        # What stands before a fence is taken for prose, so the lines go into it.
        return f"{fence[0]}{prelude}{code[fence.end() :]}", prelude.count("\n")
    if code[:1] in (" ", "\t", "\n"):
        code = textwrap.dedent(code)
    return prelude + code, prelude.count("\n")


def renumber_lines(message: str, lines: int) -> str:
    """Return an error of the sandbox with the line numbers of the model's own code.

    Args:
        message: with lines such as "line 12, in main: zones = await first(path)".
        lines: how many stand before the code of the model; what happened in them is left out.
    """
    kept = []
    for line in message.split("\n"):
        place = _PLACE.match(line)
        if place is None:
            kept.append(line)
        elif (number := int(place[2]) - lines) > 0:
            kept.append(f"{place[1]}line {number}{line[place.end() :]}")
    return "\n".join(kept)


def is_before(message: str, lines: int) -> bool:
    """Say whether an error of the sandbox is about the lines before the code of the model."""
    place = _PLACE.match(message)
    return place is not None and int(place[2]) <= lines


def name_calls(message: str, namespace: str) -> str:
    """Return an error without the calls that the lines before the code make for themselves.

    Args:
        message: ends with what was sent, such as "Writes sent and answered: CALL /tool/call 200."
        namespace: of `call`, which calls a tool; its other functions are left out.
    """
    own = rf"CALL /{namespace}/(?!call\b)\w+(?: \d+)?(?: \(\d+ times\))?"
    message = re.sub(rf"; {own}|{own}; ", "", message)
    message = re.sub(rf"[ \n]?[A-Z][\w ,]+: {own}\.", "", message)
    return message.replace(f"CALL /{namespace}/call", "a tool")
