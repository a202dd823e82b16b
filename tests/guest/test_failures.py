"""What the author of the code reads when an exception left it."""

import asyncio
import sys
from typing import Any

import pytest

from guest import failures, program


class Namespace:
    async def request(self, method: str, path: str) -> dict[str, object]:
        return self.fail(path)

    def fail(self, path: str) -> dict[str, object]:
        raise LookupError(f"no {path}")


def fail(source: str) -> str:
    """Run code that raises and return the description."""
    scope: dict[str, object] = {"spec": {"paths": {}}, "cloudflare": Namespace()}
    loaded = program.load(source, scope)
    try:
        asyncio.run(loaded.entry())
    except BaseException as exception:
        return failures.describe(exception, loaded.source)
    pytest.fail("the code did not raise")


def test_the_message_comes_first_and_then_the_calls() -> None:
    assert fail(
        "def first(reply):\n    return reply['resullt'][0]\n\n"
        "async def main():\n    return first({})"
    ) == (
        "KeyError: 'resullt'\n"
        "  line 5, in main: return first({})\n"
        "  line 2, in first: return reply['resullt'][0]"
    )


def test_a_bare_body_has_no_function_name() -> None:
    assert (
        fail("x = 0\nreturn 1 / x") == "ZeroDivisionError: division by zero\n  line 2: return 1 / x"
    )


def test_the_call_that_nobody_wrote_is_left_out() -> None:
    told = fail(
        "import logging\nasync def main():\n    raise ValueError('no')\nlogging.getLogger()"
    )
    assert told == "ValueError: no\n  line 3, in main: raise ValueError('no')"


def test_frames_of_the_guest_and_the_library_are_left_out() -> None:
    assert fail("return await cloudflare.request('GET', '/a')") == (
        "LookupError: no /a\n  line 1: return await cloudflare.request('GET', '/a')"
    )
    told = fail("import json\nreturn json.loads('{')")
    assert told.count("\n") == 1
    assert told.startswith("JSONDecodeError: ")


def test_lines_are_those_of_the_fenced_text() -> None:
    told = fail("Look:\n```python\nreturn nothing_here\n```")
    assert told.endswith("\n  line 3: return nothing_here")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("async def f(): return {}\nx = f()\nx.close()\nreturn x['a']", "is an `await` missing?"),
        ("reply = {'result': 1}\nreturn reply.result", 'write ["result"]'),
        ("return {}.result", "keys are read with []"),
        ("return true", "Python writes True and False"),
        ("return null", "Python writes None"),
        ("raise SystemExit", "SystemExit: use `return` to end early"),
        ("raise SystemExit(2)", "SystemExit: 2 (use `return` to end early)"),
        ("raise MemoryError", "MemoryError: out of memory"),
        ("raise TimeoutError", "TimeoutError: a time limit set by the code"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("import asyncio\nraise asyncio.CancelledError('stop')", "CancelledError: stop"),
        ("assert spec is None, 'a reason'", "AssertionError: a reason"),
        ("class Odd(Exception): pass\nraise Odd", "Odd\n  line 2: raise Odd"),
    ],
)
def test_a_message_says_what_to_do_where_that_is_known(source: str, words: str) -> None:
    if not source.startswith(("raise", "import", "return")) and "\nraise" not in source:
        source += "\nreturn 1"
    assert words in fail(source)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="CPython 3.11 keeps suggestions to itself")
def test_suggestions_of_the_interpreter_are_kept() -> None:
    assert "Did you mean: 'lenght'?" in fail("lenght = 1\nreturn lenhgt")
    assert "Did you mean: 'upper'?" in fail("return ''.uper()")
    assert "Did you mean: 'dumps'?" in fail("from json import dumpss\nreturn 1")


def test_a_cause_follows_with_its_own_lines() -> None:
    assert fail("try:\n    {}['a']\nexcept KeyError as e:\n    raise RuntimeError('x') from e") == (
        "RuntimeError: x\n"
        "  line 4: raise RuntimeError('x') from e\n"
        "caused by KeyError: 'a'\n"
        "  line 2: {}['a']"
    )


def test_what_was_being_handled_is_named_unless_hidden() -> None:
    source = "try:\n    {}['a']\nexcept KeyError:\n    raise RuntimeError('x')"
    assert "\nwhile handling KeyError: 'a'\n" in fail(source)
    assert "KeyError" not in fail(source + " from None")


def test_a_long_or_circular_chain_ends() -> None:
    told = fail(
        "e = ValueError('0')\nfor i in range(1, 500):\n    n = ValueError(str(i))\n"
        "    n.__cause__ = e\n    e = n\nraise e"
    )
    assert told.count("caused by") == failures.CHAIN_LENGTH
    told = fail(
        "e = NameError('0')\nfor i in range(1, 20_000):\n    n = NameError(str(i))\n"
        "    n.__cause__ = e\n    e = n\nraise e"
    )
    assert told.count("caused by") == failures.CHAIN_LENGTH
    told = fail("a, b = ValueError('a'), ValueError('b')\na.__cause__, b.__cause__ = b, a\nraise a")
    assert told.count("caused by") == 1


def test_the_members_of_a_group_are_shown_briefly() -> None:
    told = fail(
        "import asyncio\nasync def f(i):\n    raise ValueError(i)\n"
        "async def main():\n    async with asyncio.TaskGroup() as group:\n"
        "        for i in range(6):\n            group.create_task(f(i))"
    )
    assert told.startswith("ExceptionGroup: unhandled errors in a TaskGroup (6 sub-exceptions)\n")
    assert (
        "  | ValueError: 2\n  |   line 3, in f: raise ValueError(i)\n  | … 3 more exceptions"
        in told
    )
    assert "ValueError: 3" not in told


def test_a_deep_group_ends() -> None:
    told = fail(
        "e = ValueError('x')\nfor _ in range(200):\n    e = ExceptionGroup('g', [e])\nraise e"
    )
    assert len(told) < 1_000


def test_notes_are_shown() -> None:
    assert "\n  for zone a" in fail("e = ValueError('x')\ne.add_note('for zone a')\nraise e")


def test_deep_recursion_is_one_line_and_a_count() -> None:
    told = fail("def down(n):\n    return down(n + 1)\nasync def main():\n    return down(0)")
    first, main, down, more = told.split("\n")
    assert first.startswith("RecursionError: ")
    assert main == "  line 4, in main: return down(0)"
    assert down == "  line 2, in down: return down(n + 1)"
    assert more.startswith("  … ")


def test_mutual_recursion_is_cut_in_the_middle() -> None:
    told = fail("def a():\n    b()\ndef b():\n    a()\nasync def main():\n    a()")
    assert told.count("\n") < 15
    assert "more calls" in told


@pytest.mark.parametrize(
    "method",
    [
        "def __str__(self): raise SystemExit",
        "def __str__(self): raise RecursionError",
        "def __str__(self): return 1",
        "def __str__(self): return 'x' * 10_000_000",
        "def __str__(self): return '\\ud800'",
        "def __str__(self):\n        class S(str):\n            def __len__(self): return 0\n"
        "            def __format__(self, spec): raise ValueError\n        return S('odd')",
        "__notes__ = ['x' * 10_000_000, 1, None] * 50",
        "__cause__ = property(lambda self: 1 / 0)",
        "__traceback__ = property(lambda self: 'x')",
        "__suppress_context__ = property(lambda self: exit_now)",
    ],
)
def test_a_hostile_exception_is_described_all_the_same(method: str) -> None:
    told = fail(f"class Odd(Exception):\n    {method}\nraise Odd")
    assert told.startswith("Odd")
    assert len(told) < failures.MAX_TOTAL_CHARS + 100
    told.encode()


def test_a_hostile_metaclass_does_not_name_the_exception() -> None:
    told = fail(
        "class Meta(type):\n    @property\n    def __name__(cls): raise SystemExit\n"
        "class Odd(Exception, metaclass=Meta): pass\nraise Odd('x')"
    )
    assert told.startswith("Odd: x")


def test_an_exception_made_outside_the_code_is_described_without_frames() -> None:
    made: Any = ValueError("made here")
    assert failures.describe(made, "") == "ValueError: made here"
