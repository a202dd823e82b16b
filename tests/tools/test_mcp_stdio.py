"""MCP servers in processes of their own, most of which misbehave."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import psutil
import pytest
from mcp_sources import around, call, script, serve

from pymode.tools.mcp import session as session
from pymode.tools.mcp import supervisor as connection
from pymode.tools.tool import ToolFailed

pytestmark = pytest.mark.anyio


async def test_a_crash_fails_the_call_and_the_next_use_starts_the_server_again(
    tmp_path: Path,
) -> None:
    async with serve(script("crashes", str(tmp_path / "starts"))) as source:
        assert await call(source, "count_starts") == "x"
        with pytest.raises(ToolFailed, match=r"ended during the call .*exit code 3.*not repeated"):
            await call(source, "crash")
        assert await call(source, "count_starts") == "xx"


async def test_a_crash_fails_every_call_under_way(tmp_path: Path) -> None:
    async with serve(script("crashes", str(tmp_path / "starts"))) as source:
        tools = await source.list()
        calls = (source.call(tools[name], {}, around()) for name in ("hang", "crash"))
        for failed in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(failed, ToolFailed)
            assert "ended during the call" in str(failed)


async def test_opening_twice_starts_one_server(tmp_path: Path) -> None:
    async with serve(script("crashes", str(tmp_path / "starts"))) as source:
        await source.open()
        await source.open()
        assert await call(source, "count_starts") == "x"
        await source.open()
        assert await call(source, "count_starts") == "x"


async def test_a_slow_call_times_out_alone() -> None:
    async with serve(script("hangs")) as source:
        tools = await source.list()
        with pytest.raises(ToolFailed, match="did not answer before the end of this run"):
            await source.call(tools["hang"], {}, around(0.05))
        assert await source.call(tools["greet"], {}, around()) == "hello"


async def test_a_cancelled_call_leaves_the_server_running() -> None:
    async with serve(script("hangs")) as source:
        tools = await source.list()
        hanging = asyncio.create_task(source.call(tools["hang"], {}, around()))
        assert await source.call(tools["greet"], {}, around()) == "hello"
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        assert await source.call(tools["greet"], {}, around()) == "hello"


async def test_a_server_that_does_not_start_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "START_SECONDS", 0.3)
    async with serve(script("hangs", "at_start")) as source:
        with pytest.raises(ToolFailed, match="did not start within"):
            await source.list()


async def test_a_call_does_not_wait_longer_than_its_deadline_for_a_start() -> None:
    async with serve(script("hangs", "at_start")) as source:
        await source.open()
        with pytest.raises(ToolFailed, match="still starting"):
            await source.call(None, {}, around(0.05))  # type: ignore[arg-type]


async def test_a_missing_program_is_named() -> None:
    async with serve(["no-such-program-of-mcp", "--token", "s3cret-value"]) as source:
        with pytest.raises(ToolFailed, match="there is no program 'no-such-program-of-mcp'") as no:
            await source.list()
        assert "s3cret" not in str(no.value)


async def test_a_server_that_fails_at_once_is_not_started_over_and_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "_BACKOFF_SECONDS", 100.0)
    async with serve(["no-such-program-of-mcp"]) as source:
        with pytest.raises(ToolFailed, match="no program"):
            await source.list()
        with pytest.raises(ToolFailed, match=r"no program .*tried again in \d+ s"):
            await source.list()


async def test_a_server_that_ends_at_an_unknown_handshake_gets_the_older_one() -> None:
    async with serve(script("strict")) as source:
        assert await call(source, "greet") == "hello"


async def test_a_list_that_changes_is_listed_again() -> None:
    async with serve(script("changes")) as source:
        assert set(await source.list()) == {"grow"}
        await call(source, "grow")
        assert set(await source.list()) == {"grow", "tool_1"}
        await call(source, "grow")
        assert set(await source.list()) == {"grow", "tool_1", "tool_2"}


async def test_three_thousand_tools_come_in_pages() -> None:
    async with serve(script("many")) as source:
        tools = await source.list()
        assert len(tools) == 3_000
        assert tools["get_thing_2999"].title == "get-thing-2999"
        assert tools["get_thing_2999"].signature.startswith("get_thing_2999(id: str)")
        assert await call(source, "get_thing_2999", id="7") == "get-thing-2999"


async def test_pages_without_an_end_stop_at_ten_thousand_tools(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serve(script("many", "endless")) as source:
        assert len(await source.list()) == 10_000
    assert "more tools than fit" in caplog.text


async def test_fifty_megabytes_arrive_and_more_than_the_limit_is_refused() -> None:
    async with serve(script("large")) as source:
        assert len(await call(source, "give", size=50_000_000)) == 50_000_000
        with pytest.raises(ToolFailed, match="more than 67,108,864"):
            await call(source, "give", size=70_000_000)
        with pytest.raises(ToolFailed, match="at most 135,266,304 are read"):
            await call(source, "give", size=140_000_000)
        assert await call(source, "give", size=3) == "xxx"


async def test_lies_about_schemas_are_survived() -> None:
    async with serve(script("lies")) as source:
        tools = await source.list()
        for name in ("no_object", "wrong_kind", "bad_properties", "huge_schema"):
            assert tools[name].input_schema == {"type": "object"}
        assert "too large" in tools["huge_schema"].description
        assert len(tools["long"].description) == 4_000
        assert tools["long"].output_schema == {"type": "array", "items": {}}
        assert not tools["claims"].is_read
        assert tools["reads"].is_read
        assert tools["typed"].description == ""
        assert all(len(name) < 100 for name in tools)
        assert len(tools) == 15
        assert await call(source, "claims") == "called"


async def test_a_result_against_its_own_schema_is_still_a_result() -> None:
    """Patterns of a server are never run: this one would take years on 60 characters."""
    async with serve(script("lies")) as source:
        assert await call(source, "typed") == {"n": "seven"}
        assert await call(source, "slow_pattern") == {"a": "x" * 60}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("not_json", "no message of MCP"),
        ("deep", "nested too deep"),
        ("wrong_result", "does not have the form of MCP"),
    ],
)
async def test_a_broken_answer_fails_its_call_only(name: str, said: str) -> None:
    async with serve(script("lies")) as source:
        with pytest.raises(ToolFailed, match=said):
            await call(source, name)
        assert await call(source, "claims") == "called"


async def test_noise_on_stdout_is_passed_over() -> None:
    async with serve(script("lies")) as source:
        assert await call(source, "elsewhere") == "fine"


async def test_the_environment_is_what_was_given_and_its_values_are_never_shown(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, "pymode")
    async with serve(script("lies", env={"TOKEN": "s3cret-value"})) as source:
        with pytest.raises(ToolFailed, match=r"bad token \[token\]"):
            await call(source, "echoes")
        assert await call(source, "tells") == {"[token]": ["it is [token]"]}
    assert "the token is [token]" in caplog.text
    written = capfd.readouterr()
    assert "s3cret-value" not in caplog.text + written.out + written.err + repr(source)


async def test_the_process_has_ended_after_aclose(tmp_path: Path) -> None:
    async with serve(script("crashes", str(tmp_path / "starts"))) as source:
        await source.list()
        await source.aclose()
        await source.aclose()
        with pytest.raises(ToolFailed, match="was closed"):
            await source.list()


async def test_a_child_that_outlives_its_server_is_ended(tmp_path: Path) -> None:
    """It ignores SIGTERM, and the server is gone by itself once its input is closed."""
    file = tmp_path / "child"
    async with serve(script("leaves_a_child", str(file))) as source:
        await source.list()
        child = psutil.Process(int(file.read_text()))
        assert child.is_running()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
