"""Streams of events without an end, and secrets in long messages."""

from __future__ import annotations

import httpx2
import pytest
from pydantic import SecretStr

from pymode.tools.mcp import http
from pymode.tools.mcp.servers import HttpServer
from pymode.tools.mcp.session import SecretFilter

pytestmark = pytest.mark.anyio

SERVER = HttpServer("http://127.0.0.1:9/mcp", {"X-Key": SecretStr("k" * 40)})


async def read(pieces: list[bytes]) -> bytes:
    """Read a stream of events through the transport."""

    async def stream():
        for piece in pieces:
            yield piece

    def answer(_: httpx2.Request) -> httpx2.Response:
        headers = {"content-type": "text/event-stream", "set-cookie": "a=b"}
        return httpx2.Response(200, headers=headers, content=stream())

    transport = http.BoundedTransport(SERVER, httpx2.MockTransport(answer))
    response = await transport.handle_async_request(httpx2.Request("POST", SERVER.url))
    assert "set-cookie" not in response.headers
    return b"".join([piece async for piece in response.stream])


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r", b"\r\n\n"])
@pytest.mark.parametrize("length", [1, 2, 3, 7, 1000])
async def test_a_stream_of_small_events_has_no_end(
    monkeypatch: pytest.MonkeyPatch, end: bytes, length: int
) -> None:
    """Each event is within the limit, however the stream is cut into pieces."""
    monkeypatch.setattr(http, "MAX_MESSAGE_BYTES", 100)
    whole = (b"data: " + b"x" * 50 + end) * 50
    pieces = [whole[at : at + length] for at in range(0, len(whole), length)]
    if length == 1000:
        pieces = [b"data: " + b"x" * 50 + end] * 50
    assert await read(pieces) == whole


async def test_an_event_that_is_too_long_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_MESSAGE_BYTES", 100)
    with pytest.raises(httpx2.StreamError):
        await read([b"data: " + b"x" * 150, b"x" * 150])


def test_no_part_of_a_secret_is_left_where_a_long_text_is_cut() -> None:
    """Each secret becomes a short mark, so that what was cut off comes into view."""
    secrets = SecretFilter(SERVER)
    for shift in range(50):
        shown = secrets.clean("y" * shift + "k" * 40 + ("k" * 40) * 100, most_chars=500)
        assert "kk" not in shown
