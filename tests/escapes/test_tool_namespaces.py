"""Code that has got past the driver and calls tools, state and descriptions by the bare import."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from attacks import SMALL, fail, reach

from pymode import CodeMode
from pymode.call.journal import Paused
from pymode.errors import SandboxError, WorkerDied
from pymode.policy.approvals import Answer
from pymode.policy.rules import Rules

pytestmark = pytest.mark.anyio

ASK = """
def ask(target, payload):
    number = host.start(target, payload)
    while True:
        for completion in host.wait(5.0):
            if completion.id == number:
                head, _, content = completion.reply.partition("\\n")
                return [json.loads(head), content[:1000]]
"""

called: list[str] = []
gate: dict[str, asyncio.Event] = {}


def look(n: int = 1) -> int:
    """Count."""
    called.append(f"look {n}")
    return n * 10


def change(n: int) -> int:
    """Change something."""
    called.append(f"change {n}")
    return n


def erase() -> None:
    """Is denied."""
    called.append("erase")


def run(sql: str) -> str:
    """Has the name of a method."""
    return f"ran {sql}"


def describe(what: dict[str, Any]) -> dict[str, Any]:
    """Has the name of another."""
    return what


async def wait() -> None:
    """Return never."""
    gate["begun"].set()
    await asyncio.Event().wait()


RULES = Rules.parse(deny=["CALL /other/**"], approve=["CALL /db/change"])


@pytest.fixture(scope="module")
async def tools(user_folders: Path) -> AsyncIterator[CodeMode]:
    """Give a sandbox with two namespaces, one of them denied."""
    functions = {"db": [look, change, run, describe, wait], "other": [erase]}
    async with CodeMode(functions=functions, limits=SMALL, workers=1, rules=RULES) as prepared:
        await prepared.prepare()
        yield prepared


@pytest.fixture(autouse=True)
def nothing_called() -> None:
    """Begin with a clean slate."""
    called.clear()


class Person:
    """Approves everything, and remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def ask(self, paused: Paused) -> list[Answer]:
        self.asked += [each.question.path for each in paused.asked]
        return [Answer.APPROVE for _ in paused.asked]


async def ask(tools: CodeMode, target: str, payload: str) -> tuple[dict[str, Any], str]:
    """Make one host call from inside; return its head and its content."""
    body = f"return ask({target!r}, {payload!r})"
    head, content = (await tools.execute(ASK + reach(body))).value
    return head, content


@pytest.mark.parametrize(
    ("target", "tool"),
    [
        ("other", "erase"),
        ("db", "erase"),
        ("db", "../other/erase"),
        ("db", "other.erase"),
        ("db", "__class__"),
        ("Other", "erase"),
        ("other ", "erase"),
        ("other\x00", "erase"),
        ("\uff4fther", "erase"),
        ("pymode.tools", "erase"),
    ],
)
async def test_a_denied_namespace_is_reached_by_no_name(
    tools: CodeMode, target: str, tool: str
) -> None:
    head, _ = await ask(tools, target, json.dumps({"tool": tool, "arguments": {}}))
    assert head["error"]["kind"] in ("rule", "unknown", "refused")
    assert called == []


async def test_a_search_calls_no_tool(tools: CodeMode) -> None:
    body = """return ask("db", '{"tool": "look", "arguments": {}}')"""
    [head, _] = (await tools.search(ASK + reach(body))).value
    assert head["error"]["kind"] == "refused"
    assert called == []


@pytest.mark.parametrize(
    "arguments",
    ['{"n": "\\ud800"}', '{"\\udfff": 1}', '{"n": ' + "[" * 400 + "]" * 400 + "}", '{"n": NaN}'],
)
async def test_arguments_that_have_no_form_are_refused(tools: CodeMode, arguments: str) -> None:
    head, _ = await ask(tools, "db", f'{{"tool": "look", "arguments": {arguments}}}')
    assert head["error"]["kind"] == "refused"
    assert "nothing was called" in head["error"]["message"]
    assert called == []


async def test_a_call_with_too_many_values_costs_no_memory(tools: CodeMode) -> None:
    """`[],` takes 3 bytes on the way and 100 as Python values."""
    body = (
        """return ask("db", '{"tool": "look", "arguments": {"n": [' + '[],' * 4_000_000 + '1]}}')"""
    )
    [head, _] = (await tools.execute(ASK + reach(body))).value
    assert "more than 500,000 values" in head["error"]["message"]
    assert called == []


async def test_all_host_calls_count_whatever_they_are_for(tools: CodeMode) -> None:
    """State and descriptions too; the event loop is free for others all the while."""
    body = """
    targets = [("pymode.tools", "{}"), ("pymode.state", ""), ("db", "{}"), ("nobody", "")]
    heads = [ask(*targets[number % 4])[0] for number in range(210)]
    return [head["error"]["kind"] for head in heads if "error" in head].count("limit")
    """
    assert (await tools.execute(ASK + reach(body))).value == 10


async def test_state_with_hostile_names_is_refused_and_stays(tools: CodeMode) -> None:
    await tools.execute("state['kept'] = 1\nreturn None")
    changes = [
        '{"set": {"\\ud800": "1"}, "gone": []}',
        '{"set": ' + "[" * 5000,
    ]
    for change_ in changes:
        head, _ = await ask(tools, "pymode.state", change_)
        assert head["error"]["kind"] == "state"
    # A text that is no JSON harms its own name only.
    head, _ = await ask(tools, "pymode.state", '{"set": {"a": "{"}, "gone": []}')
    assert "error" not in head
    many = """
    put = {str(number): "1" for number in range(20_000)}
    return ask("pymode.state", json.dumps({"set": put, "gone": []}))
    """
    [head, _] = (await tools.execute(ASK + reach(many))).value
    assert "at most 10,485 are kept" in head["error"]["message"]
    assert (await tools.search("return state")).value == {"kept": 1}
    error = await fail(tools.execute("state['\\ud800'] = 1\nreturn None"))
    assert "half a surrogate pair" in str(error)


async def test_tools_may_have_the_name_of_anything(tools: CodeMode) -> None:
    code = "return await db.run(sql='x'), await db.run('y'), await db.describe({'what': {'a': 1}})"
    assert (await tools.execute(code)).value == ["ran x", "ran y", {"a": 1}]


async def test_after_a_pause_nothing_is_called_twice_and_state_is_as_it_was(
    tools: CodeMode,
) -> None:
    await tools.execute("state.clear(); state['n'] = 1\nreturn None")
    code = """
import asyncio
state["n"] += 1
seen = await asyncio.gather(db.look(n=1), db.look(n=2), db.look(n=1))
first = await db.change(n=state["n"])
later = await db.look(n=9)
second = await db.change(n=7)
return [seen, first, later, second, state, sorted(tools["db"])]
"""
    person = Person()
    result = await tools.execute(code, approver=person)
    names = ["change", "describe", "look", "run", "wait"]
    assert result.value == [[10, 20, 10], 2, 90, 7, {"n": 2}, names]
    assert person.asked == ["/db/change", "/db/change"]
    assert called == ["look 1", "look 2", "look 1", "change 2", "look 9", "change 7"]
    assert (await tools.search("return state")).value == {"n": 2}


async def test_a_worker_that_dies_during_a_call_says_what_may_have_been_done(
    tools: CodeMode,
) -> None:
    gate["begun"] = asyncio.Event()
    task = asyncio.create_task(tools.execute("return await db.wait()"))
    await gate["begun"].wait()
    [pid] = tools.pool.pids  # type: ignore[union-attr]
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(WorkerDied, match="may have taken effect: CALL /db/wait"):
        await task
    assert (await tools.execute("return await db.look()")).value == 10


async def test_closing_ends_the_calls_under_way(user_folders: Path) -> None:
    gate["begun"] = asyncio.Event()
    async with CodeMode(functions={"db": [wait]}, limits=SMALL, workers=1) as closing:
        task = asyncio.create_task(closing.execute("return await db.wait()"))
        await gate["begun"].wait()
        async with asyncio.timeout(10):
            await closing.close()
            with pytest.raises(SandboxError):
                await task
