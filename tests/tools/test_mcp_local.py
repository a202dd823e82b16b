"""MCP servers in this process, and what passes between them and the client of a call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from mcp import types
from mcp.server import MCPServer
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import Context, Image
from mcp.server.mcpserver.exceptions import ToolError
from mcp_sources import around, call, script, serve, wait_for_tool
from pydantic import BaseModel

from pymode.tools.tool import ToolFailed

pytestmark = pytest.mark.anyio


class Issue(BaseModel):
    title: str
    votes: int = 0


def make_server() -> MCPServer:
    server = MCPServer("own")

    @server.tool(annotations=types.ToolAnnotations(read_only_hint=True))
    def list_issues(limit: int = 2) -> list[Issue]:
        """The newest issues."""
        return [Issue(title=f"issue {number}") for number in range(limit)]

    @server.tool(name="create-issue")
    def create(title: str) -> Issue:
        return Issue(title=title)

    @server.tool(structured_output=False)
    def text(said: str) -> str:
        return said

    @server.tool(structured_output=False)
    def picture() -> Image:
        return Image(data=b"\x89PNG", format="png")

    @server.tool()
    def fail() -> None:
        raise ToolError("there is no such zone")

    @server.tool()
    async def grow(ctx: Context[Any, Any], name: str) -> None:
        server.add_tool(lambda: 1, name=name)
        await ctx.notify_tools_changed()

    return server


async def test_results_are_python_values() -> None:
    async with serve(make_server()) as source:
        assert await call(source, "list_issues", limit=1) == [{"title": "issue 0", "votes": 0}]
        assert await call(source, "create_issue", title="a") == {"title": "a", "votes": 0}
        assert await call(source, "text", said='{"a": [1, null]}') == {"a": [1, None]}
        assert await call(source, "text", said="plain {text}") == "plain {text}"
        assert await call(source, "picture") == b"\x89PNG"


async def test_what_is_known_of_a_tool() -> None:
    async with serve(make_server()) as source:
        tools = await source.list()
    assert tools["list_issues"].is_read
    assert not tools["create_issue"].is_read
    assert tools["create_issue"].title == "create-issue"
    assert tools["list_issues"].description == "The newest issues."
    schema = tools["list_issues"].output_schema
    assert schema is not None
    assert schema["type"] == "array"
    assert "Issue" in schema["$defs"]


async def test_a_failed_tool_says_why() -> None:
    async with serve(make_server()) as source:
        with pytest.raises(ToolFailed, match="there is no such zone"):
            await call(source, "fail")
        with pytest.raises(ToolFailed):
            await call(source, "create_issue", title=[1])


async def test_a_new_tool_is_listed() -> None:
    async with serve(make_server()) as source:
        await call(source, "grow", name="fresh")
        await wait_for_tool(source, "fresh")
        assert await call(source, "fresh") == 1


async def test_a_result_over_the_limit_is_refused() -> None:
    async with serve(make_server()) as source:
        with pytest.raises(ToolFailed, match="more than 67,108,864 bytes"):
            await call(source, "text", said="x" * 70_000_000)


async def test_a_server_without_tools_has_none() -> None:
    async with serve(Server("empty")) as source:
        assert await source.list() == {}


def asking_server() -> Server[Any]:
    """A tool that asks with its answer, as the protocol of 2026 does it."""

    async def list_tools(*_: Any) -> types.ListToolsResult:
        schema = {"type": "object"}
        return types.ListToolsResult(tools=[types.Tool(name="ask", input_schema=schema)])

    async def call_tool(_: Any, params: types.CallToolRequestParams) -> Any:
        found = (params.input_responses or {}).get("age")
        if found is None:
            who = (params.arguments or {})["who"]
            asked = types.ElicitRequestFormParams(
                message=f"How old is {who}?", requested_schema={"type": "object", "properties": {}}
            )
            return types.InputRequiredResult(
                input_requests={"age": types.ElicitRequest(params=asked)}, request_state=who
            )
        said = f"{params.request_state}: {found.action} {found.content}"
        text = types.TextContent(text=said)
        return types.CallToolResult(content=[text], is_error=found.action != "accept")

    return Server("asking", on_list_tools=list_tools, on_call_tool=call_tool)


def asking(who: str, age: int) -> Any:
    async def elicit(message: str, _: object) -> tuple[str, Mapping[str, Any]]:
        assert message.endswith(f"\n\nHow old is {who}?")
        return "accept", {"age": age}

    return elicit


async def test_questions_that_are_answers_reach_their_own_calls() -> None:
    async with serve(asking_server()) as source:
        tool = (await source.list())["ask"]
        found = await asyncio.gather(
            source.call(tool, {"who": "Ann"}, around(elicit=asking("Ann", 3))),
            source.call(tool, {"who": "Bob"}, around(elicit=asking("Bob", 4))),
        )
    assert found == ["Ann: accept {'age': 3}", "Bob: accept {'age': 4}"]


async def test_a_question_that_nobody_can_answer_is_declined_with_the_reason() -> None:
    async with serve(asking_server()) as source:
        with pytest.raises(ToolFailed, match=r"Ann: decline None\n.*nobody can be asked here"):
            await call(source, "ask", who="Ann")


async def test_an_answer_of_the_wrong_form_is_declined() -> None:
    async def elicit(*_: object) -> tuple[str, Mapping[str, Any]]:
        return "accept", {"age": {"years": 3}}

    async with serve(asking_server()) as source:
        tool = (await source.list())["ask"]
        with pytest.raises(ToolFailed, match="does not have the form"):
            await source.call(tool, {"who": "Ann"}, around(elicit=elicit))


async def test_a_failing_client_costs_the_answer_and_not_the_server() -> None:
    async def elicit(*_: object) -> tuple[str, None]:
        raise RuntimeError("gone")

    async with serve(asking_server()) as source:
        tool = (await source.list())["ask"]
        with pytest.raises(ToolFailed, match="could not be asked"):
            await source.call(tool, {"who": "Ann"}, around(elicit=elicit))
        assert await source.list()


async def test_over_stdio_a_single_call_is_asked_and_told_of_progress() -> None:
    told = []

    async def progress(*step: object) -> None:
        told.append(step)

    async def elicit(message: str, schema: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        # The person is told who asks: it is not pymode.
        assert message.endswith("\n\nHow old are you?")
        assert "not pymode, asks this" in message
        assert schema["properties"] == {"age": {"type": "integer"}}
        return "accept", {"age": 3}

    async with serve(script("asks")) as source:
        tools = await source.list()
        said = await source.call(tools["ask"], {}, around(elicit=elicit, progress=progress))
    assert said == {"action": "accept", "content": {"age": 3}}
    assert told == [(1, 3, "step 1"), (2, 3, "step 2"), (3, 3, "step 3")]


async def test_over_stdio_a_question_during_several_calls_is_declined() -> None:
    async def elicit(*_: object) -> tuple[str, Mapping[str, Any]]:
        raise AssertionError("nobody knows whose question it is")

    is_held = asyncio.Event()

    async def progress(*_: object) -> None:
        is_held.set()

    async with serve(script("asks")) as source:
        tools = await source.list()
        surroundings = around(elicit=elicit, progress=progress)
        held = asyncio.create_task(source.call(tools["hold"], {}, surroundings))
        await is_held.wait()
        with pytest.raises(ToolFailed, match="while several calls to it were under way"):
            await source.call(tools["ask"], {}, around(elicit=elicit))
        assert await held == "let go"


async def test_a_page_in_a_browser_is_declined() -> None:
    async def elicit(*_: object) -> tuple[str, Mapping[str, Any]]:
        raise AssertionError("a link is no question")

    async with serve(script("asks")) as source:
        tools = await source.list()
        with pytest.raises(ToolFailed, match="a page opened in a browser"):
            await source.call(tools["ask_url"], {}, around(elicit=elicit))


async def test_over_stdio_a_question_after_a_call_was_given_up_is_declined() -> None:
    """It may be that call's, and would reach whoever calls next."""

    async def elicit(*_: object) -> tuple[str, Mapping[str, Any]]:
        raise AssertionError("nobody knows whose question it is")

    is_held = asyncio.Event()

    async def progress(*_: object) -> None:
        is_held.set()

    async with serve(script("asks")) as source:
        tools = await source.list()
        surroundings = around(elicit=elicit, progress=progress)
        given_up = asyncio.create_task(source.call(tools["hold"], {}, surroundings))
        await is_held.wait()
        given_up.cancel()
        await asyncio.wait([given_up])
        with pytest.raises(ToolFailed, match="after one was given up"):
            await source.call(tools["ask"], {}, around(elicit=elicit))
