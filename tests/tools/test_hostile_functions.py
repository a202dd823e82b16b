"""Functions that raise what ends programs, or return what has no end: their own call fails."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from run_of_one import run_tools

from pymode.tools import wire
from pymode.tools.functions import FunctionsSource
from pymode.tools.tool import ToolFailed
from pymode.tools.toolbox import Toolbox

pytestmark = pytest.mark.anyio


class Odd(BaseException):
    """Ends a thread, and does not say why."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def leave() -> None:
    raise SystemExit(3)


async def leave_later() -> None:
    raise SystemExit(3)


async def interrupt() -> None:
    raise KeyboardInterrupt


async def give_up() -> None:
    raise asyncio.CancelledError


def be_odd() -> None:
    raise Odd


def count() -> Iterator[int]:
    return itertools.count()


def break_off() -> Iterator[int]:
    yield 1
    raise KeyError("in the middle")


def few() -> Iterator[int]:
    yield from range(3)


FUNCTIONS = [leave, leave_later, interrupt, give_up, be_odd, count, break_off, few]


async def request(name: str) -> tuple[Any, str]:
    box = Toolbox([FunctionsSource("db", FUNCTIONS)])
    payload = json.dumps({"tool": name, "arguments": {}})
    async with asyncio.timeout(60):
        reply = await run_tools("db", box).request(payload)
    head, _, content = reply.partition("\n")
    return json.loads(head), content


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("leave", "SystemExit: 3"),
        ("leave_later", "SystemExit: 3"),
        ("interrupt", "KeyboardInterrupt"),
        ("give_up", "what the function waited for was cancelled"),
        ("be_odd", "does not say what is wrong"),
        ("count", "an iterator has more than"),
        ("break_off", "in the middle"),
    ],
)
async def test_only_the_call_fails(name: str, message: str) -> None:
    """Not the event loop, nor the wait for the reply."""
    head, _ = await request(name)
    assert head["error"]["kind"] == "tool"
    assert message in head["error"]["message"]


async def test_a_call_that_is_cancelled_ends_as_cancelled() -> None:
    """Only what the function itself cancels is its failure."""
    begun = asyncio.Event()

    async def wait() -> None:
        begun.set()
        await asyncio.Event().wait()

    box = Toolbox([FunctionsSource("db", [wait])])
    calls = run_tools("db", box)
    task = asyncio.create_task(calls.request('{"tool": "wait", "arguments": {}}'))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [sent.status for sent in calls.sent] == [None]


async def test_a_generator_that_ends_is_a_list() -> None:
    assert await request("few") == ({"ok": True}, "[0,1,2]")


def test_what_may_take_long_to_write_is_not_small() -> None:
    """It is written in a thread."""
    assert wire.is_small({"a": [1, 2.5, None, "x", b"y"]})
    assert not wire.is_small([itertools.count()])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ('{"x": "\\ud800"}', "half a surrogate pair"),
        ('{"\\udfff": 1}', "half a surrogate pair"),
        ('{"x": ' + "[" * 300 + "]" * 300 + "}", "nested deeper"),
        ('{"x": NaN}', "cannot be read"),
        ('{"x": [' + "[]," * 600_000 + "[]]}", "more than 500,000 values"),
        ('{"x": [' + '"",' * 600_000 + '""]}', "more than 500,000 values"),
        ('{"x": "' + '\\"' * 600_000, "cannot be read"),
        ('{"x": "' + ",\\\\" * 600_000 + "\\", "cannot be read"),
    ],
)
def test_arguments_that_would_break_something_are_refused(arguments: str, message: str) -> None:
    """A server's connection breaks at text that has no UTF-8 form, and with it all its calls."""
    with pytest.raises(ToolFailed, match=message):
        wire.read_call(f'{{"tool": "t", "arguments": {arguments}}}')


def test_a_long_text_with_many_commas_is_one_value() -> None:
    text = 'a,"b",[{' * 200_000
    payload = json.dumps({"tool": "t", "arguments": {"csv": text}})
    assert wire.read_call(payload)[1] == {"csv": text}
