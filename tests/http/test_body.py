"""Hostile answers, read by both HTTP clients: the one for APIs and the one under the MCP SDK."""

from __future__ import annotations

import gzip
import ssl
import zlib
from collections.abc import Awaitable, Callable

import httpx2
import loopback
import pytest
from loopback import write_answer

from pymode.errors import HttpError
from pymode.http.client import Http
from pymode.tools.mcp.http import make_client
from pymode.tools.mcp.messages import MAX_MESSAGE_BYTES
from pymode.tools.mcp.servers import HttpServer

pytestmark = pytest.mark.anyio

RAW_DEFLATE = zlib.compressobj(9, zlib.DEFLATED, -15)
TEXT = b'{"hello": "world"}'
REFUSED = "refused"


async def read_as_api(url: str) -> bytes | str:
    async with Http(response_bytes=MAX_MESSAGE_BYTES, wall_seconds=20) as http:
        try:
            return (await http.send("GET", f"{url}/mcp")).body
        except HttpError:
            return REFUSED


async def read_as_mcp(url: str) -> bytes | str:
    server = HttpServer(f"{url}/mcp")
    async with make_client(server, ssl.create_default_context()) as client:
        try:
            response = await client.post(f"{url}/", json={})
        except httpx2.StreamError:
            return REFUSED
        # A failure before the body is an answer with an error of JSON-RPC.
        return REFUSED if response.status_code == 502 else response.content


ANSWERS = {
    "plain": (write_answer(TEXT), TEXT),
    "gzip": (gzip.compress(TEXT), "gzip", TEXT),
    "x-gzip": (gzip.compress(TEXT), "x-gzip", TEXT),
    "deflate": (zlib.compress(TEXT), "deflate", TEXT),
    "deflate without a header": (RAW_DEFLATE.compress(TEXT) + RAW_DEFLATE.flush(), "deflate", TEXT),
    "a bomb": (gzip.compress(bytes(MAX_MESSAGE_BYTES + 1)), "gzip", REFUSED),
    "brotli": (b"x", "br", REFUSED),
    "two encodings": (gzip.compress(gzip.compress(TEXT)), "gzip, gzip", REFUSED),
    "not what it says": (TEXT, "gzip", REFUSED),
    "cut off": (gzip.compress(TEXT * 100)[:-9], "gzip", REFUSED),
    "two bodies": (gzip.compress(TEXT) + gzip.compress(TEXT), "gzip", REFUSED),
    "nothing": (b"", "gzip", b""),
    "too long by its own word": (
        b"HTTP/1.1 200 X\r\ncontent-length: 999999999999\r\n\r\n",
        REFUSED,
    ),
}


@pytest.mark.parametrize("read", [read_as_api, read_as_mcp])
@pytest.mark.parametrize("name", ANSWERS)
async def test_both_clients_read_and_refuse_the_same(
    read: Callable[[str], Awaitable[bytes | str]], name: str
) -> None:
    *given, expected = ANSWERS[name]
    answer = given[0]
    if len(given) == 2:
        body, encoding = given
        headers = {"content-type": "application/json", "content-encoding": str(encoding)}
        answer = write_answer(bytes(body), headers=headers)  # type: ignore[arg-type]
    async with loopback.running(answer) as server:  # type: ignore[arg-type]
        assert await read(server.url) == expected


async def test_each_message_of_a_compressed_stream_has_the_limit_anew() -> None:
    """Together they are longer than one message may be."""
    event = b"data: " + b"x" * (MAX_MESSAGE_BYTES // 2) + b"\n\n"
    headers = {"content-type": "text/event-stream", "content-encoding": "gzip"}
    answer = write_answer(gzip.compress(event * 6), headers=headers)
    async with loopback.running(answer) as server:
        assert await read_as_mcp(server.url) == event * 6
