"""APIs, functions and MCP servers in one sandbox, each by its name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from mcp.server import MCPServer

from pymode import CodeMode, Limits, OpenAPI, Rules
from pymode.call.journal import Paused
from pymode.errors import CodeRaised, ConfigError
from pymode.policy.approvals import Answer
from pymode.simulator import running

pytestmark = pytest.mark.anyio

SHOP = {
    "openapi": "3.1.0",
    "info": {"title": "shop", "version": "1"},
    "servers": [{"url": "http://127.0.0.1:9"}],
    "paths": {
        "/things": {"get": {"operationId": "things", "responses": {"200": {"description": "ok"}}}}
    },
}
called: list[str] = []


@dataclass
class Row:
    id: int
    name: str


def query(sql: str, limit: int = 100) -> list[Row]:
    """Run SQL on the shop's database."""
    called.append(sql)
    return [Row(number, f"row {number}") for number in range(min(limit, 3))]


async def fail(reason: str) -> None:
    raise LookupError(reason)


def name_of(row: Row) -> str:
    return row.name


def echo(data: bytes) -> bytes:
    return data + b"\xff"


def make_server(name: str) -> MCPServer:
    """Two of them have a tool of the same name."""
    server = MCPServer(name)

    @server.tool()
    def query(text: str) -> dict[str, Any]:
        """Ask the tracker."""
        return {"from": name, "text": text}

    @server.tool(name="close-issue")
    def close_issue(number: int) -> str:
        raise ValueError("it is closed already")

    return server


@pytest.fixture(scope="module")
def api_url() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture(scope="module")
async def several(api_url: str, user_folders: object) -> AsyncIterator[CodeMode]:
    async with CodeMode(
        OpenAPI("cloudflare", base_url=api_url, token="simulated-test"),
        OpenAPI(SHOP),
        functions={"db": [query, fail, echo, name_of]},
        mcp={"linear": make_server("linear"), "jira": make_server("jira")},
        workers=2,
    ) as code_mode:
        yield code_mode


async def run(code_mode: CodeMode, code: str, **options: Any) -> Any:
    return (await code_mode.execute(code, **options)).value


async def message(code_mode: CodeMode, code: str, **options: Any) -> str:
    with pytest.raises(CodeRaised) as caught:
        await code_mode.execute(code, **options)
    return str(caught.value).splitlines()[0]


async def test_one_call_uses_them_all(several: CodeMode) -> None:
    code = """
async def main():
    zones = await cloudflare.request("GET", "/zones")
    rows = await db.query("select 1", limit=2)
    issues = await asyncio.gather(linear.query(text="a"), jira.query({"text": "b"}))
    return [len(zones["result"]), rows, issues]

import asyncio
"""
    assert await run(several, code) == [
        6,
        [{"id": 0, "name": "row 0"}, {"id": 1, "name": "row 1"}],
        [{"from": "linear", "text": "a"}, {"from": "jira", "text": "b"}],
    ]


async def test_search_sees_each_document_and_each_tool(several: CodeMode) -> None:
    found = (
        await several.search(
            "return [{name: len(spec['paths']) > 100 for name, spec in specs.items()},"
            " {name: sorted(found) for name, found in tools.items()},"
            " tools['db']['query']]"
        )
    ).value
    assert found[0] == {"cloudflare": True, "shop": False}
    assert found[1] == {
        "db": ["echo", "fail", "name_of", "query"],
        "linear": ["close_issue", "query"],
        "jira": ["close_issue", "query"],
    }
    assert found[2]["signature"] == "query(sql: str, limit: int = 100) -> list[Row]"
    assert found[2]["description"] == "Run SQL on the shop's database."
    assert found[2]["input_schema"]["required"] == ["sql"]
    with pytest.raises(CodeRaised, match="NameError: name 'spec' is not defined"):
        await several.search("return len(spec)")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("await db.query()", "TypeError: db.query: missing sql. It is query(sql: str, limit"),
        ("await db.query(1)", "TypeError: db.query: sql must be string, not 1. It is query("),
        ("await db.query('x', lmit=1)", "TypeError: db.query: unknown lmit (did you mean limit?)"),
        ("await db.query('x', 1, 2)", "TypeError: too many arguments, or one twice: it is query("),
        ("await db.fail('no such')", "DbError: LookupError: no such"),
        ("await linear.close_issue(number=3)", "LinearError: "),
        ("await linear.close(number=3)", "AttributeError: linear has no tool 'close'; did you"),
        ("await db._query(1)", "AttributeError: db has no '_query'"),
    ],
)
async def test_what_goes_wrong_is_said_in_the_words_of_the_tool(
    several: CodeMode, code: str, said: str
) -> None:
    assert (await message(several, code)).startswith(said)


async def test_arguments_that_do_not_fit_never_leave_the_sandbox(several: CodeMode) -> None:
    called.clear()
    await message(several, "await db.query(3)")
    assert called == []


async def test_errors_are_caught_by_the_class_of_their_namespace(several: CodeMode) -> None:
    code = """
try:
    await db.fail(reason="x")
except LinearError:
    return "wrong"
except DbError as error:
    return str(error)
"""
    assert await run(several, code) == "LookupError: x"


async def test_bytes_go_both_ways(several: CodeMode) -> None:
    assert await run(several, "return list(await db.echo(b'\\x00'))") == [0, 255]


async def test_a_dict_is_the_arguments_or_the_first_of_them(several: CodeMode) -> None:
    row = {"id": 1, "name": "a"}
    for arguments in (f"{row}", f"row={row}", f"{{'row': {row}}}"):
        assert await run(several, f"return await db.name_of({arguments})") == "a"
    assert len(await run(several, "return await db.query({'sql': 'x'})")) == 3


async def test_search_calls_nothing(several: CodeMode) -> None:
    with pytest.raises(CodeRaised, match=r"db\.query is there in execute only"):
        await several.search("return await db.query('x')")


async def test_state_is_kept_for_its_session(several: CodeMode) -> None:
    await run(several, "state['cursor'] = {'page': 2}\nreturn 1")
    await several.search("state['seen'] = [1]\nreturn 1", session="")
    assert await run(several, "return state") == {"cursor": {"page": 2}, "seen": [1]}
    assert await run(several, "return state", session="other") == {}
    assert await run(several, "del state['cursor']; state['seen'].append(2); return 1") == 1
    assert await run(several, "return state") == {"seen": [1, 2]}
    assert "callers with a token" in await message(several, "return state", keep=False)


async def test_state_that_was_set_before_a_failure_is_kept(several: CodeMode) -> None:
    assert "ZeroDivisionError" in await message(
        several, "state['n'] = 7\nreturn 1 / 0", session="f"
    )
    assert await run(several, "return state['n']", session="f") == 7


async def test_what_cannot_be_kept_is_told(several: CodeMode) -> None:
    assert "state['x']" in await message(several, "state['x'] = object()\nreturn 1", session="g")
    assert "are kept, so it stays" in await message(
        several, "state['x'] = 'y' * 2_000_000\nreturn 1", session="g"
    )
    assert await run(several, "return state", session="g") == {}


class Person:
    """Approves what is asked, and remembers it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def ask(self, paused: Paused) -> list[Answer]:
        self.asked += [asked.question.path for asked in paused.asked]
        return [Answer.APPROVE] * len(paused.asked)


async def test_a_tool_that_needs_approval_is_called_once_in_spite_of_running_again(
    api_url: str,
) -> None:
    called.clear()
    person = Person()
    rules = Rules.parse(approve=["CALL /db/query"])
    async with CodeMode(functions={"db": [query, echo]}, workers=1, rules=rules) as code_mode:
        await code_mode.execute("state['n'] = 1\nreturn 1")
        code = """
state["n"] += 1
await db.echo(b"before")
rows = await db.query("approved")
return [len(rows), state["n"]]
"""
        result = await code_mode.execute(code, approver=person)
        assert result.value == [3, 2]
        assert (await code_mode.execute("return state['n']")).value == 2
    assert person.asked == ["/db/query"]
    assert called == ["approved"]


async def test_without_any_document_there_are_tools_alone() -> None:
    async with CodeMode(functions={"db": [query]}, workers=1) as code_mode:
        assert (await code_mode.search("return [list(tools), state]")).value == [["db"], {}]
        for name in ("spec", "specs"):
            with pytest.raises(CodeRaised, match=f"NameError: name '{name}' is not defined"):
                await code_mode.search(f"return {name}")
        assert (await code_mode.execute("return len(await db.query('x'))")).value == 3


async def test_a_call_that_outlives_its_time_ends_alone(api_url: str) -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    limits = Limits(wall_seconds=2)
    async with CodeMode(functions={"db": [wait, query]}, workers=2, limits=limits) as code_mode:
        await code_mode.prepare()
        slow, fine = await asyncio.gather(
            code_mode.execute("await db.wait()"),
            code_mode.execute("return len(await db.query('x'))"),
            return_exceptions=True,
        )
    assert isinstance(slow, Exception)
    assert not isinstance(fine, BaseException)
    assert fine.value == 3


def test_two_namespaces_cannot_have_one_name() -> None:
    with pytest.raises(ConfigError, match="two namespaces are called 'db'"):
        CodeMode(OpenAPI(SHOP, name="db"), functions={"db": [query]})


async def test_the_tools_for_agents_answer_in_text(api_url: str) -> None:
    async with CodeMode(functions={"db": [query]}, workers=1) as code_mode:
        search, execute = code_mode.tools()
        assert (search.__name__, execute.__name__) == ("search", "execute")
        assert "db (functions)" in (search.__doc__ or "")
        assert json.loads(await search("return list(tools)")) == ["db"]
        assert await execute("return await db.query()") == (
            "Error: TypeError: db.query: missing sql. It is "
            "query(sql: str, limit: int = 100) -> list[Row]\n  line 1: return await db.query()"
        )
