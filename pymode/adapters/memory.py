"""Lets a step of a smolagents agent find variables and functions of the steps before it.

Values travel packed and are not read here. Definitions and imports are copied from the text of the
step in which the sandbox found them; the text is searched, not parsed: it is hostile.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

from pymode.adapters import steps
from pymode.adapters.prelude import put_before

# A longer last line gives no value: parsing so little here is safe, more is left to the sandbox.
MAX_LAST_LINE_CHARS = 500

KEEPS_LAST = "pymode_last = ("
"""Stands before an expression in the last line; errors show it."""

# Steps call tools without `await`, and only a call of a namespace can block like that.
_CALLS = "pymode_calls = step_host._calls"
_STEPS = Path(steps.__file__).read_text(encoding="utf-8").partition("# In the sandbox\n")[2]

_NAME = r"\w+(?:[ \t]+as[ \t]+\w+)?"
_NAMES = rf"{_NAME}(?:[ \t]*,[ \t]*{_NAME})*"
_MODULE = r"[\w.]+(?:[ \t]+as[ \t]+\w+)?"
_LINES = rf"{_NAME}(?:\s*,\s*{_NAME})*"
_IMPORT = re.compile(
    rf"^(?:from[ \t]+[\w.]+[ \t]+import[ \t]+"
    rf"(?:\(\s*(?P<many>{_LINES})\s*,?\s*\)|(?P<some>{_NAMES}))"
    rf"|import[ \t]+(?P<modules>{_MODULE}(?:[ \t]*,[ \t]*{_MODULE})*))(?=[ \t]*(?:#|;|$))",
    re.MULTILINE,
)
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)\s*(?:[-+*/|&]|//)?=(?!=)")


class Memory:
    """Variables, definitions and imports of the steps so far.

    After `write`, `lines` says how many lines stand before the code of the step.
    """

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.lines = 0
        self._definitions: dict[str, str] = {}
        self._imports: dict[str, None] = {}
        self._text = ""
        self._lost: list[str] = []

    def write(self, code: str, tools: Iterable[str], *, keep_last: bool = True) -> str:
        """Return the program of a step: earlier definitions, its code, lines that keep variables.

        Args:
            code: of the model.
            tools: names of functions that the code may call.
            keep_last: whether the value of the last line is that of the step.
        """
        self._lost = []
        own = [*tools]
        code = textwrap.dedent(code)
        names = [name for name in self.values if name.isidentifier()]
        asked = ['pymode_values = pymode_ask("remember")'] if names else []
        unpack = "pymode_unpack(pymode_json.loads(pymode_values[{0!r}]))"
        taken = [f"{name} = {unpack.format(name)}" for name in names]
        taken += [f"{name} = pymode_call({name!r})" for name in own]
        before = [_STEPS, _CALLS, *self._imports, *asked, *taken, *self._definitions.values()]
        prelude = "\n".join(before) + "\n"
        self._text, self.lines = put_before(prelude, _show_last(code) if keep_last else code)
        after = f"pymode_keep(vars(), {own!r})\nreturn pymode_show(pymode_last)\n"
        return f"{self._text}\n{after}"

    def keep(
        self,
        values: Mapping[str, str],
        defined: Mapping[str, tuple[int, int]],
        names: Iterable[str],
        lost: Iterable[str],
    ) -> None:
        """Keep what a step ended with.

        Args:
            values: packed, by name.
            defined: the first and last line of functions and classes, by name.
            names: all that the step has bound.
            lost: what cannot be kept.
        """
        self.values = dict(values)
        self._lost = list(lost)
        code = self._text.split("\n")
        before = self._definitions
        self._definitions = {}
        for name, (first, last) in defined.items():
            text = before.get(name) if first <= self.lines else _copy(name, code, first, last)
            if text is None:
                self._lost.append(f"{name} (it is not defined at the top)")
            else:
                self._definitions[name] = text
        bound = set(names)
        for found in _IMPORT.finditer("\n".join(code[self.lines :])):
            if bound.issuperset(_bind(found)):
                self._imports[found[0]] = None

    def describe_lost(self) -> str:
        """Return a line for the model about what the next step will not find, or nothing."""
        return f"Not kept for the next step: {', '.join(self._lost)}\n" if self._lost else ""

    def forget_definitions(self) -> None:
        """Drop what was copied from the text of earlier steps."""
        self._definitions, self._imports = {}, {}


def _bind(found: re.Match[str]) -> list[str]:
    """Return the names that an import binds."""
    listed = found["many"] or found["some"] or found["modules"]
    return [each.split()[-1].partition(".")[0] for each in listed.split(",") if each.strip()]


def _copy(name: str, code: list[str], first: int, last: int) -> str | None:
    """Return the text of a definition at the top level, from its first line on."""
    while last < len(code) and (not code[last].strip() or code[last][:1] in " \t)"):
        last += 1
    text = "\n".join(code[first - 1 : last]).rstrip()
    defines = rf"^(?:(?:async[ \t]+)?def|class)[ \t]+{re.escape(name)}\b|\A{re.escape(name)}[ \t]*="
    return text if re.search(defines, text, re.MULTILINE) and not text[:1].isspace() else None


def _show_last(code: str) -> str:
    """Return the code with the value of its last line kept, where that line is an expression."""
    code = code.rstrip()
    head, newline, last = code.rpartition("\n")
    if last[:1] in ("", " ", "\t", "#", ")", "]", "}") or head.endswith("\\"):
        return code
    if len(last) > MAX_LAST_LINE_CHARS:
        return code
    try:
        ast.parse(last, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        assigned = _ASSIGNMENT.match(last)
        return f"{code}\npymode_last = {assigned[1]}" if assigned else code
    return f"{head}{newline}{KEEPS_LAST}{last}\n)"
