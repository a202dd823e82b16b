"""Results, exceptions and prints whose classes lie about themselves."""

from __future__ import annotations

import json

import pytest
from attacks import fail, reach

from pymode.errors import CodeError

pytestmark = pytest.mark.anyio

# `Evil` makes a class with methods that the policy would refuse.
EVIL = """
def evil(*bases, **members):
    named = {f"__{name}__": member for name, member in members.items()}
    return type("Evil", bases, named)
def bad(*_):
    raise SystemExit("from inside")
def ever(*_):
    while True: yield "a", 1
"""

RESULTS = {
    "a text of no length": "return evil(str, len=lambda s: 0)('x' * 8_000_000)",
    "a text that lies": "return evil(str, str=bad, encode=bad, eq=bad, repr=bad)('x')",
    "an integer that lies": "return evil(int, repr=lambda s: '{', str=lambda s: '{')(5)",
    "a float that lies": "return [evil(float, repr=lambda s: '{')(5)]",
    "a key that lies": "return {evil(str, eq=bad, hash=lambda s: 1, len=lambda s: 0)('a'): 1}",
    "a number as key that lies": "return {evil(int, repr=lambda s: '\\n{\"')(1): 1}",
    "a dict that lies": "return evil(dict, iter=ever, len=lambda s: 0)(a=1)",
    "a dict of negative length": "return evil(dict, len=lambda s: -1)(a=1)",
    "a list without end": "return evil(list, iter=ever)([1])",
    "a representation that raises": "return evil(repr=bad, str=bad)()",
    "an attribute that raises": "return evil(getattribute=bad)()",
    "a class that raises": "return evil(type, getattribute=bad)('C', (), {})()",
    "the class that raises itself": "return evil(type, getattribute=bad)('C', (), {})",
    "a class that is said to be a dict": "return evil(**{'class': property(lambda s: dict)})()",
    "a class that cannot be told": "return evil(**{'class': property(bad)})()",
    "a date that lies": """
        import datetime
        class Date(datetime.date):
            def isoformat(self): return 5
        return Date(2020, 1, 1)
        """,
    "an identifier without end": """
        import uuid
        return evil(uuid.UUID, str=lambda s: "x" * 10**7)(int=1)
        """,
    "an enumeration in itself": """
        import enum
        class Ring(enum.Enum):
            A = 1
        Ring.A._value_ = Ring.A
        return Ring.A
        """,
    "a mapping without end": """
        import collections.abc
        class Deep(collections.abc.Mapping):
            def __getitem__(self, key): return Deep()
            def __iter__(self): return iter(["a"])
            def __len__(self): return 1
        return Deep()
        """,
    "a ring": "ring = []\nring.append({'ring': ring})\nreturn ring",
    "a dataclass of 300 fields that raise": """
        import dataclasses
        names = [f"f{i}" for i in range(300)]
        kind = dataclasses.make_dataclass("Wide", names)
        setattr(kind, "f0", property(bad))
        return kind
        """,
    "half pairs as keys": "return {'\\ud800': object()}",
}

RAISED = {
    "its text raises": "raise evil(Exception, str=bad, repr=bad)(object())",
    "its text is no text": "raise evil(Exception, str=lambda s: 5)()",
    "its text is long": "raise ValueError('x' * 10**7)",
    "its text is half a pair": "raise ValueError('\\ud800')",
    "its notes are long": "e = ValueError()\nfor _ in range(9999): e.add_note('x' * 99)\nraise e",
    "its group lies": "raise evil(ExceptionGroup, **{'class': property(bad)})('x', [ValueError()])",
    "it is a ring": "a, b = Exception(1), Exception(2)\na.__cause__ = b\nb.__cause__ = a\nraise a",
    "it is the end of an iteration": "raise StopIteration(5)",
    "it leaves": "raise SystemExit(0)",
    "it interrupts": "raise KeyboardInterrupt",
    "it is the end of a generator": "raise GeneratorExit",
    "it cancels": "asyncio.current_task().cancel()\nawait asyncio.sleep(1)",
    "it is a limit of no name": """
        limit = sys.modules["guest.limits"].LimitExceeded
        raise limit(object(), "m")
        """,
    "it is a limit that is none": """
        limit = sys.modules["guest.limits"].LimitExceeded
        raise limit("__class__", "m")
        """,
    "its group raises": """
        class Group(ExceptionGroup):
            exceptions = property(lambda self: 1 / 0)
        raise Group("x", [ValueError(1)])
        """,
}


@pytest.mark.parametrize("result", RESULTS)
async def test_a_hostile_result_is_json_or_an_error_of_the_code(cell, result):
    """Never an error of the sandbox, and what comes can be written as JSON in UTF-8."""
    pids = cell.pool.pids
    try:
        came = await cell.search(EVIL + reach(RESULTS[result]))
        json.dumps([came.value, came.notes], ensure_ascii=False, allow_nan=False).encode()
    except CodeError as error:
        assert 10 < len(str(error).encode()) < 30_000  # noqa: PT017 - either is right
    assert cell.pool.pids == pids


@pytest.mark.parametrize("exception", RAISED)
async def test_a_hostile_exception_is_told_briefly(cell, exception):
    """The message has a UTF-8 form and ends somewhere."""
    error = await fail(cell.search(EVIL + reach(RAISED[exception])))
    assert 0 < len(str(error).encode()) < 30_000


async def test_prints_of_halves_and_controls_arrive(cell):
    """What UTF-8 cannot carry is shown escaped."""
    result = await cell.search("print('\\ud800\\x00\\x1b[2J\\u2028')\nreturn 1")
    assert result.logs == "\\ud800\x00\x1b[2J\u2028\n"


async def test_lone_halves_in_a_result_become_the_replacement_character(cell):
    """And a note says so."""
    result = await cell.search("return ['\\udfff', {'\\ud800': 1}]")
    assert result.value == ["\ufffd", {"\ufffd": 1}]
    assert len(result.notes) == 1
