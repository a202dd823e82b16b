"""`pymode serve --watch`: a file is edited, and real clients hear of it, over both transports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters, types
from small_document import SMALL

# ruff: noqa: ASYNC220, ASYNC240 - no other task waits meanwhile

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 60
PATHS = {"code": "return list(spec['paths'])"}
TRANSPORTS = ["stdio", "http"]
ERAS = ["auto", "legacy"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def document(tmp_path: Path) -> Path:
    return write(tmp_path / "api.json", "/old")


def write(path: Path, *paths: str) -> Path:
    path.write_text(json.dumps(SMALL | {"paths": {each: {"get": {}} for each in paths}}))
    return path


@asynccontextmanager
async def connect(transport: str, document: Path, **options: Any) -> AsyncIterator[Client]:
    """Connect to a real server process that watches a document."""
    arguments = ["-m", "pymode", "serve", "--watch", "--spec", str(document), "--no-log"]
    environment = {name: os.environ[name] for name in os.environ if name.startswith(("XDG", "PY"))}
    if transport == "stdio":
        server = StdioServerParameters(
            command=sys.executable, args=arguments, env={**os.environ, **environment}
        )
        async with Client(server, **options) as client:
            yield client
        return
    command = [sys.executable, *arguments, "--http", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if b"http://" in line)
            async with Client(line.decode().split()[-1], **options) as client:
                yield client
        finally:
            process.terminate()


async def search(client: Client) -> object:
    result = await client.call_tool("search", PATHS)
    (block,) = result.content
    assert isinstance(block, types.TextContent)
    return json.loads(block.text)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_client_that_subscribes_hears_of_an_edited_file(
    transport: str, document: Path
) -> None:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with connect(transport, document) as client:
            assert await search(client) == ["/old"]
            async with client.listen(tools_list_changed=True) as subscription:
                write(document, "/new", "/newer")
                async for _ in subscription:
                    break
            assert await search(client) == ["/new", "/newer"]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_client_that_shook_hands_hears_of_an_edited_file(
    transport: str, document: Path
) -> None:
    heard = anyio.Event()

    async def hear(message: object) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            heard.set()

    with anyio.fail_after(PATIENCE_SECONDS):
        async with connect(transport, document, mode="legacy", message_handler=hear) as client:
            tools = client.server_capabilities.tools
            assert tools is not None
            assert tools.list_changed
            assert await search(client) == ["/old"]
            write(document, "/new")
            await heard.wait()
            assert await search(client) == ["/new"]


async def test_a_file_that_is_half_written_changes_nothing_and_the_whole_one_does(
    document: Path,
) -> None:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with connect("stdio", document) as client:
            assert await search(client) == ["/old"]
            whole = write(document.with_name("whole"), "/new").read_text()
            async with client.listen(tools_list_changed=True) as subscription:
                document.write_text(whole[:50])
                # Longer than the server waits before it looks again.
                await anyio.sleep(2.5)
                assert await search(client) == ["/old"]
                document.write_text(whole)
                async for _ in subscription:
                    break
            assert await search(client) == ["/new"]
