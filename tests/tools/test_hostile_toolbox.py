"""Tools that change their names and grow, and code that asks for them in a loop."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from run_of_one import run_tools

from pymode.actions.context import Context
from pymode.call.dispatcher import Dispatcher
from pymode.call.kept import KeptResults
from pymode.call.state import States
from pymode.limits import Limits
from pymode.log import Database, Results
from pymode.namespaces import Kind
from pymode.policy.approvals import Answer, ApprovalGate, Question
from pymode.policy.rules import Rules
from pymode.tools.tool import Tool
from pymode.tools.toolbox import MAX_MENTIONED_BYTES, Toolbox

pytestmark = pytest.mark.anyio


class Listed:
    """A source with whatever tools; a call gives the title of its tool."""

    kind: Kind = "mcp"

    def __init__(self, name: str, *tools: Tool) -> None:
        self.name = name
        self.tools: Mapping[str, Tool] = {tool.name: tool for tool in tools}

    async def open(self) -> None:
        pass

    async def aclose(self) -> None:
        pass

    async def list(self) -> Mapping[str, Tool]:
        return self.tools

    async def call(self, tool: Tool, arguments: Mapping[str, Any], context: Context) -> Any:
        return tool.title


def make(name: str, title: str = "", description: str = "") -> Tool:
    return Tool(name, title or name, description, {"type": "object"}, None, f"{name}()")


def read(reply: str) -> tuple[Any, Any]:
    head, _, content = reply.partition("\n")
    return json.loads(head), json.loads(content) if content else None


def ask(tool: str) -> str:
    return json.dumps({"tool": tool, "arguments": {}})


@pytest.mark.parametrize("rule", ["CALL /up/delete_file_2", "CALL /up/delete.file"])
async def test_a_tool_is_denied_by_its_name_and_by_its_title(rule: str) -> None:
    """Which of two titles gets a number is the server's to say; a rule may name the title."""
    box = Toolbox([Listed("up", make("delete_file_2", "delete.file"), make("delete_file"))])
    host = run_tools("up", box, Rules.parse(deny=[rule]))
    assert read(await host.request(ask("delete_file_2")))[0]["error"]["kind"] == "rule"
    assert read(await host.request(ask("delete_file")))[1] == "delete_file"


async def test_a_title_allows_nothing() -> None:
    box = Toolbox([Listed("up", make("other", "list"))])
    host = run_tools("up", box, Rules.parse(allow=["* /up/list"]))
    assert read(await host.request(ask("other")))[0]["error"]["kind"] == "rule"


class Approving:
    """Approves, and remembers the digests."""

    def __init__(self) -> None:
        self.digests: list[str] = []

    async def ask(self, question: Question, digest: str) -> Answer:
        self.digests.append(digest)
        return Answer.APPROVE


async def test_what_is_approved_is_this_tool_and_no_other_of_its_name() -> None:
    source, asker = Listed("up", make("a")), Approving()
    rules = Rules.parse(approve=["writes"])
    host = run_tools("up", Toolbox([source]), rules, approvals=ApprovalGate(asker))
    await host.request(ask("a"))
    await host.request(ask("a"))
    source.tools = {"a": make("a", "A", "does something else")}
    await host.request(ask("a"))
    assert asker.digests[0] == asker.digests[1] != asker.digests[2]


async def test_descriptions_that_go_with_the_code_are_bounded() -> None:
    tools = [make(f"t{number}", description="d" * 100_000) for number in range(50)]
    box = Toolbox([Listed("up", *tools)])
    found = await box.find_mentioned(" ".join(f"up.t{number}" for number in range(50)))
    assert 0 < len(json.dumps(found)) <= MAX_MENTIONED_BYTES + 1_000


async def test_descriptions_without_room_are_left_out_with_a_note() -> None:
    box = Toolbox([Listed("large", make("a", description="d" * 5_000)), Listed("up", make("b"))])
    head, described = read(await box.answer("{}", 1_000))
    assert (described["large"], list(described["up"])) == ({}, ["b"])
    assert "too large to be listed" in head["notes"][0]


async def test_descriptions_are_written_again_where_tools_have_changed() -> None:
    source = Listed("up", make("a"))
    box = Toolbox([source])
    assert list(read(await box.answer("{}", 10_000))[1]["up"]) == ["a"]
    source.tools = {"b": make("b")}
    assert list(read(await box.answer("{}", 10_000))[1]["up"]) == ["b"]


async def test_a_long_name_is_compared_with_nothing() -> None:
    """The comparison with a name of megabytes would take seconds of the event loop."""
    box = Toolbox([Listed("up", *(make(f"make_thing_{number}") for number in range(3_000)))])
    host = run_tools("up", box)
    head, _ = read(await host.request(ask("make_thing_" * 500_000)))
    assert head["error"]["kind"] == "unknown"
    assert len(head["error"]["message"]) < 200
    head, _ = read(await host.request(ask("mak_thing_7")))
    assert "did you mean make_thing_7" in head["error"]["message"]


async def test_tools_have_a_share_of_the_traffic() -> None:
    box = Toolbox([Listed("up", make("a"))])
    limits = Limits(traffic_bytes=100)
    run = run_tools("up", box, limits=limits)
    kept = KeptResults(Results(Database(None)), None, 1_000)
    calls = Dispatcher(run.context, box, kept, States(1_000), None, {"up": run.pipeline})
    replies = [read(await calls("up", ask("a")))[0] for _ in range(5)]
    assert replies[0] == {"ok": True}
    assert "over 100 bytes together" in replies[-1]["error"]["message"]
