"""Real servers are stopped, by signals and by clients that leave, while calls are under way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client, types
from mcp.client.streamable_http import streamable_http_client

from pymode.simulator import running

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 60
WRITE = """
import asyncio
zones = (await cloudflare.request("GET", "/zones"))["result"]
await cloudflare.request(
    "POST", f"/zones/{zones[0]['id']}/dns_records",
    body={"type": "A", "name": "a", "content": "192.0.2.1"},
)
await asyncio.sleep(SECONDS)
return "whole"
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@contextmanager
def serving(*options: str) -> Iterator[subprocess.Popen[str]]:
    """Run `pymode serve` in a process group of its own, as a terminal does."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "pymode", "serve", "--no-log", *options]
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, process_group=0
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@asynccontextmanager
async def serving_http() -> AsyncIterator[tuple[subprocess.Popen[str], str]]:
    with running() as base_url, serving("--http", "127.0.0.1:0", "--base-url", base_url) as process:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "http://" in line)
        yield process, line.split()[-1]


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Client]:
    headers = {"Authorization": "Bearer simulated-stopping"}
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False, timeout=PATIENCE_SECONDS) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


async def write(client: Client, seconds: int, answers: list[types.CallToolResult]) -> None:
    code = WRITE.replace("SECONDS", str(seconds))
    answers.append(await client.call_tool("execute", {"code": code}))


def text_of(result: types.CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))


async def test_a_call_under_way_gets_its_answer_after_sigterm() -> None:
    answers: list[types.CallToolResult] = []
    with anyio.fail_after(PATIENCE_SECONDS):
        async with serving_http() as (process, url), connect(url) as client:
            # The sandbox is ready, so that the next call is under way at once.
            await client.call_tool("search", {"code": "return 1"})
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(write, client, 4, answers)
                await anyio.sleep(1)
                process.send_signal(signal.SIGTERM)
            assert json.loads(text_of(answers[0])) == "whole"
            await anyio.to_thread.run_sync(process.wait)


async def test_a_second_signal_ends_calls_and_says_what_they_had_sent() -> None:
    answers: list[types.CallToolResult] = []
    with anyio.fail_after(PATIENCE_SECONDS):
        async with serving_http() as (process, url), connect(url) as client:
            await client.call_tool("search", {"code": "return 1"})
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(write, client, 25, answers)
                await anyio.sleep(2)
                process.send_signal(signal.SIGTERM)
                await anyio.sleep(1)
                process.send_signal(signal.SIGTERM)
            assert answers[0].is_error
            assert "the server was stopped during the call" in text_of(answers[0])
            assert "POST /zones/" in text_of(answers[0])
            await anyio.to_thread.run_sync(process.wait)


@pytest.mark.parametrize("options", [(), ("--http", "127.0.0.1:0")], ids=["stdio", "http"])
def test_ctrl_c_in_a_terminal_shows_no_traceback(options: tuple[str, ...]) -> None:
    """It reaches the workers, too."""
    with serving(*options) as process:
        assert process.stdin is not None
        wait_until_ready(process, is_http=bool(options))
        os.killpg(process.pid, signal.SIGINT)
        _, complaints = process.communicate(timeout=PATIENCE_SECONDS)
    assert "Traceback" not in complaints
    assert "KeyboardInterrupt" not in complaints


def wait_until_ready(process: subprocess.Popen[str], *, is_http: bool) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    if is_http:
        next(line for line in process.stderr if "http://" in line)
        return
    for message in MESSAGES:
        process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()
    while json.loads(process.stdout.readline()).get("id") != 2:
        pass


INFO = {"name": "a test", "version": "1"}
SHAKE: dict[str, Any] = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": INFO,
}
MESSAGES: list[dict[str, Any]] = [
    {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": SHAKE},
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {
        "jsonrpc": "2.0",
        "id": 2,
        "method": "tools/call",
        "params": {"name": "search", "arguments": {"code": "return 1"}},
    },
]
LATE = MESSAGES[2] | {"id": 3}


@pytest.mark.parametrize("closed", ["stdin", "stdout", "both"])
def test_a_client_that_closes_its_end_ends_the_server_without_complaint(closed: str) -> None:
    with serving() as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        wait_until_ready(process, is_http=False)
        if closed != "stdin":
            process.stdout.close()
            process.stdin.write(json.dumps(LATE) + "\n")
            process.stdin.flush()
        if closed != "stdout":
            process.stdin.close()
        assert process.wait(PATIENCE_SECONDS) == 0
        assert process.stderr.read() == ""
