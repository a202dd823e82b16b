# ruff: noqa: RUF001 - some attacks are written in other letters
"""Source that is meant to break whoever reads it: the guest rejects it, runs it, or stops."""

from __future__ import annotations

import pytest
from attacks import SMALL, fail

from pymode.errors import CodeError, CodeRejected, LimitExceeded

pytestmark = pytest.mark.anyio


def indent(head: str, depth: int, last: str) -> str:
    """Return `head` nested `depth` times around `last`."""
    lines = [" " * level + head.format(level) for level in range(depth)]
    return "\n".join([*lines, " " * depth + last])


REJECTED = {
    "parentheses": "(" * 30_000 + ")" * 30_000,
    "64 KB of brackets": "[" * 65_536,
    "braces": "{" * 65_536,
    "nested f-strings": "return " + "f'{" * 200 + "1" + "}'" * 200,
    "lambdas": "return " + "lambda: " * 5_000 + "1",
    "lambdas in defaults": "return " + "lambda a=(" * 500 + "1" + "): 1" * 500,
    "minus signs": "return " + "-" * 60_000 + "1",
    "not": "return " + "not " * 15_000 + "1",
    "conditions": "return " + "1 if 1 else " * 5_000 + "1",
    "walruses": "return " + "(a:=" * 5_000 + "1" + ")" * 5_000,
    "annotations": "x: " + "list[" * 5_000 + "int" + "]" * 5_000 + " = 1\nreturn 1",
    "patterns": "match 1:\n  case " + "[" * 300 + "]" * 300 + ": pass\nreturn 1",
    "elif": "if 1: pass\n" + "elif 1: pass\n" * 4_000 + "return 1",
    "300 levels": indent("if 1:", 300, "return 1"),
    "loops in loops": indent("for x in [1]:", 30, "pass") + "\nreturn 1",
    "stars": "return " + "*" * 10_000,
    "a huge integer": "return " + "1" * 60_000,
    "a null character": "return 1\0",
    "null characters": "\0" * 60_000,
    "two byte order marks": "\ufeff\ufeffreturn 1",
    "half a surrogate pair": "return '\ud800'",
    "a zero-width space": "ret\u200burn 1",
    "a line separator": "return 1\u2028return 2",
    "another coding": "# coding: rot13\nergher 1",
    "an open string": "'''" + "x" * 60_000,
    "fences": "```python\n" * 6_000,
    "spaces": " \t" * 30_000,
    "blank lines": (" " * 10 + "\n") * 5_900,
    "nothing": "",
    "a comment": "#" + "x" * 60_000,
    "exec in other letters": "ｅｘｅｃ('1')",
    "a dunder in other letters": "return (1).__ｃｌａｓｓ__",
    "a module in other letters": "import ｏｓ",
    "eval in mathematical letters": "return 𝑒𝑣𝑎𝑙('1')",
}

STOPPED = {
    "sums": "return 1" + "+1" * 30_000,
    "attributes": "x = 1\nreturn x" + ".a" * 30_000,
    "calls": "def f(): return f\nreturn f" + "()" * 30_000,
    "subscripts": "return spec" + "[0]" * 20_000,
    "nested comprehensions": "return " + "[" * 100 + "1" + " for x in [1]]" * 100,
    "a power in a constant": "return 2 ** 10**9",
    "text in a constant": "return 'x' * 10**9",
    "a tuple in a constant": "return (1,) * 10**9",
    "a shift in a constant": "return 1 << 10**10",
    "a huge hexadecimal integer": "return 0x" + "f" * 60_000,
    "statements in a line": "1;" * 30_000 + "\nreturn 1",
}

HARMLESS = {
    "form feeds": "\f" * 1_000 + "return 1",
    "a byte order mark": "\ufeffreturn 1",
    "60,000 lines": "\n" * 60_000 + "return 1",
    "line continuations": "\\\n" * 30_000 + "return 1",
    "old line ends": "x = 1\rreturn x",
    "decorators": "def same(f): return f\n" + "@same\n" * 8_000 + "def f(): pass\nreturn 1",
    "another coding that is ignored": "# -*- coding: utf-7 -*-\nreturn 1",
    "arguments": "def f(" + ",".join(f"a{i}" for i in range(8_000)) + "): pass\nreturn 1",
    "handlers": "try: pass\n" + "except A: pass\n" * 4_000 + "return 1",
    "comparisons": "return int(not (1" + "<1" * 8_000 + "))",
    "99 levels": indent("if 1:", 99, "return 1"),
    "an unread annotation": "x: '" + "list[" * 5_000 + "]" * 5_000 + "' = 1\nreturn 1",
    "imports": "import " + ",".join(["json"] * 8_000) + "\nreturn 1",
    "type parameters": "def f[" + ",".join(f"T{i}" for i in range(4_000)) + "](): pass\nreturn 1",
}


@pytest.mark.parametrize("source", REJECTED)
async def test_it_is_rejected_before_anything_runs(cell, source):
    """The error is short enough to read, and can be written as UTF-8."""
    error = await fail(cell.search(REJECTED[source]))
    assert isinstance(error, CodeRejected)
    assert 10 < len(str(error).encode()) < 20_000


@pytest.mark.parametrize("source", STOPPED)
async def test_it_ends_in_an_error_of_the_code(cell, source):
    """A compiler that runs out of stack takes its instance along, and nothing else."""
    pids = cell.pool.pids
    error = await fail(cell.search(STOPPED[source]))
    assert isinstance(error, CodeError)
    assert cell.pool.pids == pids


@pytest.mark.parametrize("source", HARMLESS)
async def test_it_runs(cell, source):
    """Odd, but no worse."""
    result = await cell.search(HARMLESS[source])
    assert result.value == 1


@pytest.mark.parametrize("letter", ["x", "é", "😀"])
async def test_the_size_of_the_source_is_counted_in_bytes(cell, letter):
    """One byte more than allowed is refused before any worker sees it."""
    most = SMALL.source_bytes
    fits = "#" + letter * ((most - 10) // len(letter.encode()))
    assert isinstance(await fail(cell.search(fits)), CodeRejected)
    error = await fail(cell.search(letter * (most // len(letter.encode())) + "xxxx"))
    assert isinstance(error, LimitExceeded)
    assert error.limit == "source_bytes"
    assert "less code" in str(error)


async def test_source_that_json_makes_longer_arrives(cell):
    """Control characters take six bytes each on the way to the worker."""
    result = await cell.search("return len('" + "\x01" * 60_000 + "')")
    assert result.value == 60_000
