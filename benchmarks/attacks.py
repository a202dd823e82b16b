"""Hostile programs, such as a model may write by accident or on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# Added for pymode, which refuses code without a `return` before it runs.
ENDINGS = {"pymode": "\nreturn 1"}


@dataclass(frozen=True)
class Attack:
    """One hostile program.

    Args:
        id: short, as in the results.
        title: for people.
        code: plain statements.
        other: code for the sandboxes that need other code for the same attack, by name.
    """

    id: str
    title: str
    code: str
    other: Mapping[str, str] = field(default_factory=dict)

    def code_for(self, peer: str) -> str:
        """Return the program for one sandbox."""
        return self.other.get(peer, self.code) + ENDINGS.get(peer, "")


LARGE = "['x' * 1_000_000 for _ in range(20)]"
NEST = "found = []\nfor _ in range(200_000):\n    found = [found]\n"


def nest_comprehensions(depth: int) -> str:
    """Return source with more blocks in one function than CPython's compiler has room for."""
    return "x = " + "[" * depth + "1" + " for _ in [1]]" * depth


def nest_finally(depth: int) -> str:
    """Return source that doubles with each level: a `finally` is compiled once for each way in."""
    levels = (f"{' ' * level}try: pass\n{' ' * level}finally:\n" for level in range(depth))
    return "".join(levels) + " " * depth + "x = 1"


ALL = (
    Attack("loop", "Endless loop", "while True:\n    pass"),
    Attack(
        "sleep",
        "Sleep of an hour",
        "import asyncio\nawait asyncio.sleep(3600)",
        {"naive": "import time\ntime.sleep(3600)"},
    ),
    Attack(
        "memory",
        "Memory bomb",
        "kept = []\nwhile True:\n    kept.append('x' * 1_000_000)",
    ),
    Attack("output", "Output bomb", "while True:\n    print('x' * 1_000_000)"),
    Attack(
        "result",
        "Result of 20 MB",
        f"return {LARGE}",
        {"eryx": f"result = {LARGE}", "naive": f"print({LARGE})"},
    ),
    Attack(
        "recursion",
        "Deep recursion",
        "def descend(n):\n    return descend(n + 1)\ndescend(0)",
    ),
    Attack(
        "nesting",
        "Text of a deeply nested list",
        f"{NEST}return str(found)",
        {"eryx": f"{NEST}result = str(found)", "naive": f"{NEST}print(str(found))"},
    ),
    Attack(
        "source-crash",
        "Hostile source: 30 nested comprehensions",
        nest_comprehensions(30),
    ),
    Attack(
        "source-growth",
        "Hostile source: 20 nested `finally`",
        nest_finally(20),
    ),
)
BY_ID = {attack.id: attack for attack in ALL}
