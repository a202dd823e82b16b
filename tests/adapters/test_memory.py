"""What a step finds of the steps before it, as far as text can tell."""

from __future__ import annotations

import datetime
import json
from collections import Counter, OrderedDict, deque

import pytest

from pymode.adapters import steps
from pymode.adapters.memory import Memory


def write_and_keep(memory: Memory, code: str, **defined: tuple[int, int]) -> str:
    """Write a step, keep its definitions by line of the code, and return the next program."""
    memory.write(code, ())
    places = {name: (f + memory.lines, t + memory.lines) for name, (f, t) in defined.items()}
    memory.keep({}, places, ["json", "wide", "Counter", "sqrt", *defined], ())
    program = memory.write("0", ())
    return "\n".join(program.split("\n")[: memory.lines])


@pytest.mark.parametrize(
    "value",
    [
        None,
        1.5,
        [1, [2]],
        {"a": {"b": ()}},
        {1: "a", (2, 3): b"c"},
        {1, 2},
        frozenset({(1,)}),
        bytearray(b"\x00"),
        Counter("aab"),
        OrderedDict(b=1, a=2),
        deque([1, 2]),
        datetime.datetime(2025, 1, 2, tzinfo=datetime.UTC),
        datetime.date(2025, 1, 2),
        datetime.time(3, 4),
    ],
    ids=repr,
)
def test_plain_data_comes_back_as_it_was(value: object) -> None:
    packed = json.loads(json.dumps(steps.pymode_pack(value)))
    unpacked = steps.pymode_unpack(packed)
    assert unpacked == value
    assert type(unpacked) is type(value)


@pytest.mark.parametrize("value", [object(), {"a": object()}, iter(()), 1j])
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match="a value of type"):
        steps.pymode_pack(value)


@pytest.mark.parametrize(
    ("code", "last"),
    [
        ("x = 1\nx + 1  # shown", "pymode_last = (x + 1  # shown\n)"),
        ("await f()", "pymode_last = (await f()\n)"),
        ("x = [1,\n2]", "2]"),
        ("x = 1 + \\\n2", "2"),
        ("x = 1", "pymode_last = x"),
        ("x += 1", "pymode_last = x"),
        ("x == 1", "pymode_last = (x == 1\n)"),
        ("for x in y: pass", "for x in y: pass"),
        ("if x:\n    y", "    y"),
        ("import json", "import json"),
        ('"""\ntext"""', 'text"""'),
        ("'" + "x" * 600 + "'", "'" + "x" * 600 + "'"),
    ],
)
def test_the_last_line_gives_the_value_where_it_has_one(code: str, last: str) -> None:
    program = Memory().write(code, ())
    assert f"{last}\npymode_keep(vars(), [])\nreturn pymode_show(pymode_last)" in program


def test_a_definition_is_copied_with_what_its_last_line_opens() -> None:
    head = "@wrap\ndef f(\n    x,\n):\n    '''Text\nat the margin.'''\n"
    code = f"{head}    return g(\n        x\n    )\nx = 1"
    copied = "\n".join(code.split("\n")[:9])
    assert write_and_keep(Memory(), code, f=(1, 8)).endswith(copied)


def test_what_is_defined_inside_other_statements_is_told_as_lost() -> None:
    memory = Memory()
    memory.write("if x:\n    def f():\n        return 1", ())
    memory.keep({}, {"f": (memory.lines + 2, memory.lines + 3)}, ["f"], ["p (Point)"])
    told = memory.describe_lost()
    assert told == "Not kept for the next step: p (Point), f (it is not defined at the top)\n"


@pytest.mark.parametrize(
    ("line", "is_kept"),
    [
        ("import json", True),
        ("import json  # for later", True),
        ("import numpy.linalg as wide, json", True),
        ("from math import sqrt", True),
        ("from collections import (\n    Counter,\n    deque as wide,\n)", True),
        ("from the list of names", False),
        ("import numpy", False),
        ("    import json", False),
        ("import json is what you need", False),
    ],
)
def test_imports_are_kept_whose_names_are_bound(line: str, is_kept: bool) -> None:
    prelude = write_and_keep(Memory(), f"x = 1\n{line}\ny = 2")
    assert (f"\n{line.partition('  #')[0]}\n" in f"{prelude}\n") == is_kept


def test_definitions_can_be_forgotten() -> None:
    memory = Memory()
    assert "def f" in write_and_keep(memory, "def f(): return 1", f=(1, 1))
    memory.forget_definitions()
    assert "def f" not in memory.write("0", ())
