"""Sources side by side: what one does wrong is told to who calls it, and to nobody else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from run_of_one import RunOfOne, run_tools

from pymode.actions.context import Context
from pymode.actions.recorder import Recorder
from pymode.errors import LogError
from pymode.namespaces import Kind
from pymode.policy.approvals import Answer, ApprovalGate, Question
from pymode.policy.rules import Rules
from pymode.tools.functions import FunctionsSource
from pymode.tools.tool import Tool, ToolFailed
from pymode.tools.toolbox import Toolbox

pytestmark = pytest.mark.anyio


def add(a: int, b: int = 0) -> int:
    """Add."""
    return a + b


class Broken:
    """A source that cannot be listed, and breaks when it is called or ended."""

    kind: Kind = "mcp"

    def __init__(self, name: str, failure: Exception) -> None:
        self.name = name
        self.failure = failure

    async def open(self) -> None:
        pass

    async def aclose(self) -> None:
        raise self.failure

    async def list(self) -> Mapping[str, Tool]:
        raise self.failure

    async def call(self, tool: Tool, arguments: Mapping[str, Any], context: Context) -> Any:
        raise self.failure


class Reading(FunctionsSource):
    """Functions that say of themselves that they only read."""

    async def list(self) -> Mapping[str, Tool]:
        return {
            name: Tool(name, name, "", tool.input_schema, None, tool.signature, is_read=True)
            for name, tool in (await super().list()).items()
        }


def read(reply: str) -> tuple[Any, Any]:
    head, _, content = reply.partition("\n")
    return json.loads(head), json.loads(content) if content else None


def host(toolbox: Toolbox, name: str = "db", **more: Any) -> RunOfOne:
    return run_tools(name, toolbox, **more)


def ask(tool: str = "add", **arguments: Any) -> str:
    return json.dumps({"tool": tool, "arguments": arguments})


@pytest.fixture
def toolbox() -> Toolbox:
    return Toolbox(
        [
            FunctionsSource("db", [add]),
            Broken("down", ToolFailed("it does not start; look at its log")),
            Broken("odd", RuntimeError("secret detail")),
        ]
    )


async def test_a_source_that_cannot_be_listed_leaves_the_others_as_they_are(
    toolbox: Toolbox,
) -> None:
    head, described = read(await toolbox.answer("{}", 10_000))
    assert list(described["db"]) == ["add"]
    assert described["down"] == described["odd"] == {}
    assert head["notes"] == [
        "down cannot be used now: it does not start; look at its log",
        "odd cannot be used now; what happened is in the log of pymode",
    ]
    await toolbox.aclose()


async def test_the_tools_that_code_names_go_with_it(toolbox: Toolbox) -> None:
    code = "await db.add(a=1); await down.x(); db . add; other.add; xdb.add; db.nothing"
    mentioned = await toolbox.find_mentioned(code)
    assert {name: list(tools) for name, tools in mentioned.items()} == {
        "db": ["add"],
        "down": [],
        "odd": [],
    }


async def test_a_call_answers_with_the_value_and_is_kept_account_of(toolbox: Toolbox) -> None:
    calls = host(toolbox)
    assert read(await calls.request(ask(a=1, b=2))) == ({"ok": True}, 3)
    [sent] = calls.sent
    assert (sent.method, sent.path, sent.ended, sent.write) == ("CALL", "/db/add", "returned", True)


@pytest.mark.parametrize(
    ("payload", "kind", "message"),
    [
        ("", "refused", "cannot be read"),
        ("[]", "refused", "cannot be read"),
        ('{"tool": 3, "arguments": {}}', "refused", "cannot be read"),
        ('{"tool": "add", "arguments": [1]}', "refused", "cannot be read"),
        ("[" * 100_000, "refused", "cannot be read"),
        (ask("ad", a=1), "unknown", "did you mean add?"),
        (ask(a="x"), "tool", "a: Input should be a valid integer"),
    ],
)
async def test_a_bad_call_gets_an_answer_that_says_so(
    toolbox: Toolbox, payload: str, kind: str, message: str
) -> None:
    head, _ = read(await host(toolbox).request(payload))
    assert head["error"]["kind"] == kind
    assert message in head["error"]["message"]


async def test_what_breaks_inside_is_masked(toolbox: Toolbox) -> None:
    head, _ = read(await host(toolbox, "odd").request(ask()))
    assert "secret" not in head["error"]["message"]
    assert "log of pymode" in head["error"]["message"]


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        (Rules.parse(deny=["CALL /db/*"]), "denied by the rule CALL /db/*"),
        (Rules.parse(deny=["* /db/add"]), "denied by the rule"),
        (Rules.parse(allow=["GET /zones/**"]), "no allow rule fits it"),
        (Rules.parse(read_only=True), "only reads are allowed"),
    ],
)
async def test_rules_are_for_tools_too(toolbox: Toolbox, rules: Rules, verdict: str) -> None:
    calls = host(toolbox, rules=rules)
    head, _ = read(await calls.request(ask(a=1)))
    assert head["error"]["kind"] == "rule"
    assert verdict in head["error"]["message"]
    assert calls.sent == []


async def test_a_tool_that_only_reads_is_called_where_only_reads_are() -> None:
    calls = host(Toolbox([Reading("db", [add])]), rules=Rules.parse(read_only=True), dry_run=True)
    assert read(await calls.request(ask(a=1)))[1] == 1
    assert calls.sent[0].method == "READ"


async def test_a_dry_run_calls_nothing_that_may_change_something(toolbox: Toolbox) -> None:
    calls = host(toolbox, dry_run=True)
    assert read(await calls.request(ask(a=1)))[0]["dry_run"] is True
    assert calls.sent == []
    [planned] = calls.planned
    assert (planned.method, planned.path, planned.body) == ("CALL", "/db/add", '{"a": 1}')


class Approving:
    """A person who answers always the same, and remembers what was asked."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[Question] = []

    async def ask(self, question: Question, digest: str) -> Answer:
        self.asked.append(question)
        return self.answer


@pytest.mark.parametrize(("answer", "calls"), [(Answer.APPROVE, 1), (Answer.REFUSE, 0)])
async def test_a_person_is_asked_about_a_tool(toolbox: Toolbox, answer: Answer, calls: int) -> None:
    person = Approving(answer)
    one = host(toolbox, rules=Rules.parse(approve=["CALL /db/**"]), approvals=ApprovalGate(person))
    await one.request(ask(a=1))
    assert len(one.sent) == calls
    assert person.asked[0].path == "/db/add"
    assert '"a": 1' in person.asked[0].body_text


class FullLog:
    """A log that can take nothing."""

    async def begin_request(self, *_: object, **__: object) -> None:
        raise LogError("the disk is full")


async def test_nothing_is_called_that_cannot_be_recorded(toolbox: Toolbox) -> None:
    calls = host(toolbox, recorder=Recorder(FullLog(), None))
    head, _ = read(await calls.request(ask(a=1)))
    assert "the disk is full; nothing was called" in head["error"]["message"]
    assert calls.sent == []
