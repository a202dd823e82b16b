"""What the guest promises to the code: all of CPython 3.14, values as JSON, errors that help."""

from __future__ import annotations

import pytest

from pymode.codemode import CodeMode
from pymode.errors import CodeRaised, CodeRejected, LimitExceeded, ResultRejected

pytestmark = pytest.mark.anyio


async def test_the_grammar_is_that_of_cpython_3_14(code_mode: CodeMode) -> None:
    """Template strings, bare `except A, B`, and annotations that are evaluated late."""
    code = """
def later(x: NotYetDefined) -> int: ...

async def main():
    name = "world"
    template = t"hello {name}"
    try:
        {}["x"]
    except KeyError, ValueError:
        return [template.strings, [part.value for part in template.interpolations]]
"""
    assert (await code_mode.search(code)).value == [["hello ", ""], ["world"]]


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("match {'a': [1, 2]}:\n    case {'a': [_, x]}:\n        return x", 2),
        ('return f"{\'nested {0}\'.format("quotes")}"', "nested quotes"),
        ("d = {'k': 1}\nd['k'] += 1\nreturn d", {"k": 2}),
        ("return [y for x in range(4) if (y := x * x) > 1]", [4, 9]),
        ("type Pair[T] = tuple[T, T]\nreturn Pair.__name__", "Pair"),
        ("def first[T](items: list[T]) -> T:\n    return items[0]\nreturn first([7])", 7),
        (
            "async def f(n):\n    for i in range(n):\n        yield i\n"
            "return [i async for i in f(3)]",
            [0, 1, 2],
        ),
        (
            "try:\n    raise ExceptionGroup('g', [ValueError(1), KeyError(2)])\n"
            "except* ValueError as group:\n    seen = len(group.exceptions)\n"
            "except* KeyError:\n    pass\nreturn seen",
            1,
        ),
        ("return spec['info']['title'][:10]", "Cloudflare"),
        ("import json, re, datetime, hashlib\nreturn hashlib.md5(b'').hexdigest()[:6]", "d41d8c"),
        ("from uuid import uuid4\nreturn len({uuid4() for _ in range(100)})", 100),
    ],
)
async def test_the_language_is_whole(code_mode: CodeMode, code: str, value: object) -> None:
    assert (await code_mode.search(code)).value == value


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("return await asyncio.gather(*(wait(i) for i in (3, 1, 2)))", [3, 1, 2]),
        (
            "async with asyncio.TaskGroup() as group:\n"
            "    tasks = [group.create_task(wait(i)) for i in (2, 1)]\n"
            "return [[task.result() for task in tasks], order]",
            [[2, 1], [1, 2]],
        ),
        (
            "try:\n    async with asyncio.timeout(0.01):\n        await asyncio.sleep(20)\n"
            "except TimeoutError:\n    return 'stopped'",
            "stopped",
        ),
        (
            "try:\n    await asyncio.wait_for(asyncio.Event().wait(), 0.01)\n"
            "except asyncio.TimeoutError:\n    return 'stopped'",
            "stopped",
        ),
        (
            "turns, most = asyncio.Semaphore(2), []\n"
            "async def work():\n"
            "    async with turns:\n"
            "        most.append(2 - turns._value)\n"
            "        await asyncio.sleep(0.001)\n"
            "await asyncio.gather(*(work() for _ in range(6)))\nreturn max(most)",
            2,
        ),
        (
            "queue, got = asyncio.Queue(1), []\n"
            "async def put():\n"
            "    for i in range(4):\n        await queue.put(i)\n"
            "    await queue.put(None)\n"
            "producer = asyncio.create_task(put())\n"
            "while (item := await queue.get()) is not None:\n    got.append(item)\n"
            "await producer\nreturn got",
            [0, 1, 2, 3],
        ),
        (
            "done = []\n"
            "for next_one in asyncio.as_completed([wait(2), wait(1)]):\n"
            "    done.append(await next_one)\nreturn done",
            [1, 2],
        ),
        ("await asyncio.sleep(0)\nreturn asyncio.get_running_loop().time() > 0", True),
        (
            "results = await asyncio.gather(wait(1), fail(), return_exceptions=True)\n"
            "return [type(r).__name__ for r in results]",
            ["int", "ValueError"],
        ),
        (
            "left = asyncio.create_task(asyncio.sleep(1000))\nreturn 'not waited for'",
            "not waited for",
        ),
    ],
)
async def test_asyncio_is_whole(code_mode: CodeMode, code: str, value: object) -> None:
    before = """
import asyncio
order, ended = [], [asyncio.Event() for _ in range(4)]
ended[0].set()
async def wait(i):
    # Each waits for the one before it, whatever the order in which they were started.
    await ended[i - 1].wait()
    await asyncio.sleep(0.001)
    order.append(i)
    ended[i].set()
    return i
async def fail():
    raise ValueError("no")
"""
    assert (await code_mode.search(before + code)).value == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("None", None),
        ("[True, 1, -1.5, 'ä€🙂', None, {}]", [True, 1, -1.5, "ä€🙂", None, {}]),
        ("2 ** 80", 2**80),
        ("Point(1, [2])", {"x": 1, "y": [2]}),
        ("[Point(1, Point(2, 3))]", [{"x": 1, "y": {"x": 2, "y": 3}}]),
        ("{3, 1, 2}", [1, 2, 3]),
        ("frozenset('b')", ["b"]),
        ("(1, (2, 3))", [1, [2, 3]]),
        ("range(3)", [0, 1, 2]),
        ("(i for i in range(3))", [0, 1, 2]),
        ("{'a': 1}.items()", [["a", 1]]),
        ("Counter('aab')", {"a": 2, "b": 1}),
        ("deque([1], 3)", [1]),
        ("datetime(2026, 1, 2, 3, 4, 5)", "2026-01-02T03:04:05"),
        ("datetime(2026, 1, 2, tzinfo=UTC)", "2026-01-02T00:00:00+00:00"),
        ("date(2026, 1, 2)", "2026-01-02"),
        ("timedelta(minutes=1)", 60),
        ("b'\\x00\\xff'", {"$bytes": "AP8="}),
        ("Decimal('1.5')", 1.5),
        ("Decimal('2')", 2),
        ("Decimal('0.1000000000000000000001')", "0.1000000000000000000001"),
        ("UUID(int=1)", "00000000-0000-0000-0000-000000000001"),
        ("Color.RED", "red"),
        ("SimpleNamespace(a=1)", {"a": 1}),
        ("Named(1)", {"x": 1}),
        ("{1: 'a', None: 'b', True: 'c'}", {"1": "c", "null": "b"}),
        ("ValueError('no')", "ValueError: no"),
    ],
)
async def test_values_of_python_become_json(
    code_mode: CodeMode, expression: str, value: object
) -> None:
    code = f"""
from collections import Counter, deque, namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from types import SimpleNamespace
from uuid import UUID

Named = namedtuple("Named", "x")

class Color(Enum):
    RED = "red"

@dataclass
class Point:
    x: int
    y: object

async def main():
    return {expression}
"""
    result = await code_mode.search(code)
    assert result.value == value
    assert type(result.value) is type(value)
    assert result.notes == ()


@pytest.mark.parametrize(
    ("expression", "value", "note"),
    [
        ("[float('nan'), 1.0]", [None, 1.0], "NaN and Infinity are not JSON and became null"),
        ("{'a': {'b': -float('inf')}}", {"a": {"b": None}}, "at $.a.b"),
        ("[float('nan')] * 3", [None] * 3, "3 of them, first at $[0]"),
        ("{(1, 2): 3}", {"(1, 2)": 3}, "keys of the type tuple became strings"),
        ("'a\\ud800'", "a\ufffd", "half a surrogate pair"),
    ],
)
async def test_what_json_cannot_hold_is_changed_with_a_note(
    code_mode: CodeMode, expression: str, value: object, note: str
) -> None:
    result = await code_mode.search(f"return {expression}")
    assert result.value == value
    assert len(result.notes) == 1
    assert note in result.notes[0]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("{'a': [1, object()]}", "$.a[1]: an object object cannot be returned"),
        ("len", "$: the function len cannot be returned; call it: len(…)"),
        ("{'a b': asyncio.sleep(0)}", "put `await` before the call"),
        ("(lambda ring: ring.append(ring) or ring)([])", "$[0]: the list contains itself"),
        ("{object(): 1}", "$: an object cannot be a key; use a string"),
        ("functools.reduce(lambda deep, _: [deep], range(300), 1)", "nested deeper than 200"),
    ],
)
async def test_a_value_without_a_json_form_is_an_error_with_its_place(
    code_mode: CodeMode, expression: str, message: str
) -> None:
    with pytest.raises(ResultRejected) as caught:
        await code_mode.search(f"import asyncio, functools\nprint('so far')\nreturn {expression}")
    assert message in str(caught.value)
    # A coroutine that nobody awaited is warned of behind it.
    assert caught.value.logs.startswith("so far\n")


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        (
            "async def main():\n    x = (1,\n    return x",
            ["line 2, column 9: SyntaxError: '(' was never closed", "      x = (1,", "^"],
        ),
        ("return 1 +", ["line 1, column 11: SyntaxError: invalid syntax", "return 1 +"]),
        ("x = 1\n  y = 2", ["line 2", "IndentationError: unexpected indent", "y = 2"]),
        (
            "async def main():\n    return spec.__class__",
            [
                "line 2, column 17: `__class__` cannot be used: write type(x)",
                "return spec.__class__",
            ],
        ),
        ("import os\nreturn os.environ", ["line 1, column 1", "`os`", "import os"]),
        ("return eval('1')", ["line 1, column 8", "eval", "return eval('1')"]),
        ("return open('/etc/passwd')", ["line 1, column 8", "open"]),
        ("import requests\nreturn 1", ["line 1", "there is no network here"]),
        ("const x = 1;", ["line 1", "Python"]),
        ("x = 1", ["nothing is returned: end with `return x`"]),
        ("", ["async def main():"]),
    ],
)
async def test_code_that_is_rejected_is_told_where_and_why(
    code_mode: CodeMode, code: str, parts: list[str]
) -> None:
    with pytest.raises(CodeRejected) as caught:
        await code_mode.search(code)
    for part in parts:
        assert part in str(caught.value)
    assert caught.value.logs == ""


async def test_rejected_code_has_not_run(code_mode: CodeMode) -> None:
    """The policy comes before the first line."""
    with pytest.raises(CodeRejected) as caught:
        await code_mode.search("print('ran')\nreturn eval('1')")
    assert caught.value.logs == ""


async def test_an_exception_shows_only_frames_of_the_code(code_mode: CodeMode) -> None:
    """Neither the guest nor the standard library between two lines of the code is shown."""
    code = """
import asyncio, json
def read(text):
    return json.loads(text)["resullt"]

async def first():
    return read('{"result": 1}')

async def main():
    print("before")
    async with asyncio.timeout(1):
        return (await asyncio.gather(first()))[0]
"""
    with pytest.raises(CodeRaised) as caught:
        await code_mode.search(code)
    assert str(caught.value).splitlines() == [
        "KeyError: 'resullt'",
        "  line 12, in main: return (await asyncio.gather(first()))[0]",
        "  line 7, in first: return read('{\"result\": 1}')",
        '  line 4, in read: return json.loads(text)["resullt"]',
    ]
    assert caught.value.logs == "before\n"


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("return json.dumps({})", ["NameError: name 'json' is not defined", "import"]),
        ("return spec['pathz']", ["KeyError: 'pathz'", "line 1: return spec['pathz']"]),
        ("return spec.paths", ["AttributeError", 'it is a dict: write ["paths"]']),
        ("return 1 / 0", ["ZeroDivisionError: division by zero"]),
        (
            "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n"
            "    raise ValueError('outer') from error",
            ["ValueError: outer", "caused by ZeroDivisionError", "line 2: 1 / 0"],
        ),
        (
            "raise ExceptionGroup('several', [ValueError('a'), KeyError('b')])",
            ["ExceptionGroup: several", "| ValueError: a", "| KeyError: 'b'"],
        ),
        ("import time\ntime.sleep(1)", ["await asyncio.sleep"]),
        ("raise SystemExit(3)", ["SystemExit: 3", "use `return`"]),
        ("def down(n):\n    return down(n + 1)\nreturn down(0)", ["RecursionError"]),
        ("assert spec == 1, 'what ä €'\nreturn 1", ["AssertionError: what ä €"]),
        ("import asyncio\nawait asyncio.wait_for(asyncio.Event().wait(), 0.01)", ["TimeoutError"]),
    ],
)
async def test_an_exception_says_what_and_where(
    code_mode: CodeMode, code: str, parts: list[str]
) -> None:
    with pytest.raises((CodeRaised, CodeRejected)) as caught:
        await code_mode.search(code)
    message = str(caught.value)
    for part in parts:
        assert part in message
    assert "guest" not in message
    assert "/" not in message.replace("1 / 0", "")


async def test_what_is_printed_comes_back_in_order(code_mode: CodeMode) -> None:
    """Short lines, long ones, parts of lines, standard error, and other tasks in between."""
    code = """
import asyncio, logging
async def say(i):
    await asyncio.sleep(0 if i == 1 else 0.3)
    print("task", i)
async def main():
    print("first", end=" ")
    print("line", [1], sep="-", flush=True)
    await asyncio.gather(say(2), say(1))
    print("ä€🙂" * 1000)
    for i in range(100):
        print(i)
    logging.warning("logged")
    print("half \\ud800", end="")
"""
    result = await code_mode.search(code)
    lines = result.logs.split("\n")
    assert lines[:3] == ["first line-[1]", "task 1", "task 2"]
    assert lines[3] == "ä€🙂" * 1000
    assert lines[4:104] == [str(i) for i in range(100)]
    assert "logged" in lines[104]
    assert lines[105:] == ["half \\ud800"]
    assert result.value is None


async def test_what_was_printed_before_a_limit_comes_back(code_mode: CodeMode) -> None:
    with pytest.raises(LimitExceeded) as caught:
        await code_mode.search("print('at the start')\nreturn 'x' * 5_000_000")
    assert caught.value.limit == "result_bytes"
    assert caught.value.logs == "at the start\n"


@pytest.mark.parametrize(
    "code",
    [
        "return await cloudflare.request('GET', '/zones')",
        "cloudflare.request",
        "async def main():\n    return await cloudflare.get('/zones')",
    ],
)
async def test_search_says_that_requests_belong_to_execute(code_mode: CodeMode, code: str) -> None:
    with pytest.raises(
        CodeRaised, match="is there in execute only; search reads, and calls nothing"
    ):
        await code_mode.search(code)


async def test_no_call_sees_what_another_has_done(code_mode: CodeMode) -> None:
    """Each call has an instance of its own: the spec, modules and builtins are as they were."""
    code = """
import json
seen = [len(spec["paths"]), getattr(json, "mark", None)]
spec["paths"].clear()
json.mark = "changed"
return seen
"""
    seen = [(await code_mode.search(code)).value for _ in range(4)]
    assert seen[0][0] > 100
    assert seen == [[seen[0][0], None]] * 4


async def test_random_numbers_differ_from_call_to_call(code_mode: CodeMode) -> None:
    """A snapshot repeats what it froze, so each call seeds anew."""
    code = "import random, secrets\nreturn [random.random(), secrets.token_hex(8)]"
    values = [(await code_mode.search(code)).value for _ in range(3)]
    assert len({tuple(value) for value in values}) == 3
    assert len({value[0] for value in values}) == 3


@pytest.mark.parametrize(
    "wait",
    [
        "await asyncio.Event().wait()",
        "await asyncio.get_running_loop().create_future()",
        "await asyncio.Queue().get()",
        "await asyncio.gather(asyncio.sleep(0), asyncio.Event().wait())",
    ],
)
async def test_a_wait_for_what_cannot_happen_ends_at_once(code_mode, wait):
    """Only the deadline could end it; the error names the line that waits."""
    with pytest.raises(CodeRaised, match=r"Deadlock: every task waits \(line 4\)"):
        await code_mode.search(f"import asyncio\nasync def main():\n    x = 1\n    {wait}")
