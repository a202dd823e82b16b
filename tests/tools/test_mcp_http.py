"""MCP servers over Streamable HTTP, in a process of their own on loopback."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp_sources import SERVERS, around, call, serve, turn, wait_for_tool

from pymode.tools.mcp import http
from pymode.tools.tool import ToolFailed

pytestmark = pytest.mark.anyio

KEY = {"X-Key": "correct horse"}
PATH = "/keys/secret-in-path/mcp"


@asynccontextmanager
async def http_server(
    *args: str, port: int = 0
) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """Run the server; gives its process and port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SERVERS / "over_http.py"),
        str(port),
        *args,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            assert process.stdout is not None
            line = await process.stdout.readline()
        yield process, int(line)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture(scope="module")
async def modern() -> AsyncIterator[int]:
    async with http_server() as (_, port):
        yield port


@pytest.fixture(scope="module")
async def old() -> AsyncIterator[int]:
    async with http_server("old") as (_, port):
        yield port


def entry(port: int, headers: Mapping[str, str] = KEY) -> dict[str, Any]:
    return {"type": "http", "url": f"http://127.0.0.1:{port}{PATH}", "headers": headers}


@pytest.fixture(params=["modern", "old"])
def port(request: pytest.FixtureRequest) -> int:
    """The server in both eras of the protocol."""
    found: int = request.getfixturevalue(request.param)
    return found


async def answered(call: Coroutine[Any, Any, Any]) -> Any:
    """The result of a call, None where it fails."""
    try:
        return await call
    except ToolFailed:
        return None


async def test_tools_are_called_with_the_headers(port: int) -> None:
    async with serve(entry(port)) as source:
        assert await call(source, "give", size=3) == "xxx"


async def test_progress_reaches_the_call_it_belongs_to(port: int) -> None:
    told = []

    async def progress(*step: object) -> None:
        told.append(step)

    async with serve(entry(port)) as source:
        tools = await source.list()
        assert await source.call(tools["count"], {"steps": 3}, around(progress=progress)) == 3
    assert told == [(1, 3, None), (2, 3, None), (3, 3, None)]


async def test_questions_of_calls_at_once_reach_their_own_calls(old: int) -> None:
    """Before 2026 a question comes with the answer to its call, over this transport alone."""

    def asking(who: str, age: int) -> Any:
        async def elicit(message: str, schema: object) -> tuple[str, Mapping[str, Any]]:
            assert message.endswith(f"\n\nHow old is {who}?")
            return "accept", {"age": age}

        return around(elicit=elicit)

    async with serve(entry(old)) as source:
        tool = (await source.list())["ask_together"]
        found = await asyncio.gather(
            source.call(tool, {"who": "Ann"}, asking("Ann", 3)),
            source.call(tool, {"who": "Bob"}, asking("Bob", 4)),
        )
    assert found == ["Ann is 3", "Bob is 4"]


async def test_a_slow_call_times_out_alone(port: int) -> None:
    async with serve(entry(port)) as source:
        tools = await source.list()
        with pytest.raises(ToolFailed, match="did not answer before the end"):
            await source.call(tools["hang"], {}, around(0.3))
        assert await source.call(tools["count"], {"steps": 1}, around()) == 1


async def test_a_change_of_the_tools_is_heard(port: int) -> None:
    async with serve(entry(port)) as source:
        before = set(await source.list())
        name = f"new_{len(before)}"
        await call(source, "grow", name=name)
        await wait_for_tool(source, name)


async def test_fifty_megabytes_arrive(port: int) -> None:
    async with serve(entry(port)) as source:
        assert len(await call(source, "give", size=50_000_000)) == 50_000_000


async def test_more_than_the_limit_is_refused(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_MESSAGE_BYTES", 100_000)
    async with serve(entry(port)) as source:
        with pytest.raises(ToolFailed, match=r"more than 100,000|exceeded|larger|size"):
            await call(source, "give", size=200_000)
        assert await call(source, "give", size=3) == "xxx"


async def test_a_wrong_key_is_said_without_the_key_or_the_path(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serve(entry(port, {"X-Key": "wrong-but-secret"})) as source:
        with pytest.raises(ToolFailed, match=r"refuses access \(HTTP 401\)") as no:
            await source.list()
    said = str(no.value) + caplog.text + repr(source)
    assert "wrong-but-secret" not in said
    assert "secret-in-path" not in said


async def test_nobody_listens_at_the_url() -> None:
    async with http_server() as (_, port):
        pass
    async with serve(entry(port)) as source:
        with pytest.raises(ToolFailed, match="cannot be reached"):
            await source.list()


async def test_the_transport_before_streamable_http_works() -> None:
    async with http_server("sse") as (_, port), serve({**entry(port), "type": "sse"}) as source:
        assert await call(source, "give", size=3) == "xxx"


@pytest.mark.parametrize("era", ["modern", "old"])
async def test_a_server_that_dies_fails_the_call_and_is_reached_again_later(era: str) -> None:
    async with http_server(era) as (process, port), serve(entry(port)) as source:
        tools = await source.list()
        hanging = asyncio.create_task(source.call(tools["hang"], {}, around()))
        assert await source.call(tools["count"], {"steps": 1}, around()) == 1
        process.kill()
        with pytest.raises(ToolFailed):
            await hanging
        async with http_server(era, port=port):
            # Until its time, each use only says that it is not running.
            while not (found := await answered(source.call(tools["give"], {"size": 2}, around()))):
                await turn()
            assert found == "xx"
