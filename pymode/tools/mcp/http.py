"""The transport to a server at a URL: Streamable HTTP or the older SSE, with bounded responses.

The SDK sends its requests with httpx2. As in `pymode.http.client`, neither proxies nor netrc of the
environment are used, and bodies are read through `pymode.http.body`. The SDK logs URLs, and a key
is often part of the path. So the SDK gets only the origin of the URL, and `BoundedTransport` puts
the real URL in its place.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, cast

import httpx2
from mcp import types
from mcp.client.sse import sse_client
from mcp.client.streamable_http import MCP_SESSION_ID, streamable_http_client

from pymode.errors import HttpError
from pymode.http.body import BodyReader
from pymode.tools.mcp.messages import MAX_MESSAGE_BYTES, ValueCounter, has_too_many_values
from pymode.tools.mcp.servers import HttpServer
from pymode.tools.mcp.streams import TransportStreams

CONNECTION_LOST = -32_099
"""The code of the error that says: the next call needs a new connection."""

_CONNECT_SECONDS = 10.0
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_GONE = "it cannot be reached; nothing was sent"
_BROKE = "the connection to it broke; the call may have taken effect"
_FORGOT = "it has forgotten the session; nothing was done, and the next call begins a new one"
_REFUSES = "it refuses access (HTTP {}): check its headers, or its token"


@asynccontextmanager
async def open_http(server: HttpServer) -> AsyncIterator[TransportStreams]:
    """Open the transport to a server.

    SSE connects at once, Streamable HTTP when the first message is sent.

    Yields:
        The stream of messages from the server, and the stream of messages to it.
    """
    context = await asyncio.to_thread(_tls)
    origin = _origin(server)
    if server.is_sse:

        def give(*_: Any, **__: Any) -> httpx2.AsyncClient:
            return make_client(server, context)

        async with sse_client(origin, httpx_client_factory=give) as streams:
            yield streams
        return
    async with (
        make_client(server, context) as client,
        streamable_http_client(
            origin, http_client=client, max_sse_event_size=MAX_MESSAGE_BYTES
        ) as streams,
    ):
        yield streams


def make_client(server: HttpServer, context: ssl.SSLContext) -> httpx2.AsyncClient:
    """Return a client for one server. Its user asks for the origin, and it asks for the real URL.

    Args:
        server: the URL, and the headers of every request.
        context: the TLS settings.
    """
    headers = {name: value.get_secret_value() for name, value in server.headers.items()}
    inner = httpx2.AsyncHTTPTransport(verify=context, trust_env=False)
    return httpx2.AsyncClient(
        # A compressed response takes time to inflate, and its size is not known before.
        headers={**headers, "Accept-Encoding": "identity"},
        # There is no limit for reading: each call has a deadline, see `Session.run`.
        timeout=httpx2.Timeout(_CONNECT_SECONDS, read=None),
        transport=BoundedTransport(server, inner),
        trust_env=False,
    )


class BoundedTransport(httpx2.AsyncBaseTransport):
    """Sends requests to the real URL, and bounds the responses.

    A request that fails gets a response with a JSON-RPC error, because an exception would end the
    whole connection and every call in flight with it.

    Args:
        server: the server, with its real URL.
        inner: the transport that sends the requests.
    """

    def __init__(self, server: HttpServer, inner: httpx2.AsyncBaseTransport) -> None:
        self._url = httpx2.URL(server.url)
        self._origin = httpx2.URL(_origin(server))
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, and return the response, or one with an error if there is none."""
        real = httpx2.Request(
            request.method,
            self._url if request.url == self._origin else request.url,
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        try:
            response = await self._inner.handle_async_request(real)
        except httpx2.TransportError as error:
            return _fail(request, _GONE if isinstance(error, _NEVER_SENT) else _BROKE)
        why = _find_fault(request, response)
        if why:
            await response.aclose()
            return _fail(request, why, lost=why == _FORGOT)
        try:
            stream = _BoundedBody(response)
        except HttpError as error:
            await response.aclose()
            return _fail(request, f"its answer cannot be read: {error}", lost=False)
        headers = response.headers
        if "location" in headers:
            headers["location"] = str(self._url.join(headers["location"]))
        # The first two are about the body as it was sent, and `stream` gives it inflated. A cookie
        # would be kept, and sent with the calls of others.
        for name in ("content-encoding", "content-length", "set-cookie"):
            headers.pop(name, None)
        return httpx2.Response(
            response.status_code,
            headers=headers,
            stream=stream,
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._inner.aclose()


# The ends of an event (HTML, section 9.2.6): two line breaks, the first of which may be longer.
_BLANK_LINES = (b"\n\n", b"\r\r", b"\n\r\n")
_BLANK_LINE_BYTES = 2


class _BoundedBody(httpx2.AsyncByteStream):
    """The body of a response, inflated and within limits.

    A stream of events has no end, so each event is limited: the counts begin again at a blank line,
    whose line breaks may be any that SSE allows, and may come in two pieces.

    Args:
        response: the response, whose body has not been read yet.

    Raises:
        HttpError: the response declares too large a body, or an encoding that is not supported.
    """

    def __init__(self, response: httpx2.Response) -> None:
        headers = {name.lower(): value for name, value in response.headers.items()}
        self._inner = cast(httpx2.AsyncByteStream, response.stream)
        self._is_stream = headers.get("content-type", "").lower().startswith("text/event-stream")
        # The SDK refuses an event of more than MAX_MESSAGE_BYTES and says so better. The limit here
        # is twice as high, so that the SDK comes first.
        limit_bytes = 2 * MAX_MESSAGE_BYTES if self._is_stream else MAX_MESSAGE_BYTES
        self._body = BodyReader(headers, limit_bytes)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        counter = ValueCounter()
        before = b""
        try:
            async for received in self._inner:
                chunk = self._body.feed(received)
                end = _find_end_of_event(before + chunk) - len(before) if self._is_stream else -1
                before = (before + chunk)[-_BLANK_LINE_BYTES:]
                if end >= 0:
                    counter = ValueCounter()
                    self._body.renew()
                counter.feed(chunk[max(end, 0) :])
                if has_too_many_values(counter.values):
                    raise httpx2.StreamError("too many values")
                yield chunk
            self._body.finish()
        except HttpError as error:
            raise httpx2.StreamError(str(error)) from None
        # The SDK takes a StreamError for the failure of one response over Streamable HTTP.
        except httpx2.TransportError:
            raise httpx2.StreamError(_BROKE) from None

    async def aclose(self) -> None:
        await self._inner.aclose()


def _find_end_of_event(data: bytes) -> int:
    """Return where the last event that ends in `data` ends; -1 if none does."""
    ends = (data.rfind(mark) + len(mark) for mark in _BLANK_LINES if mark in data)
    return max(ends, default=-1)


def _find_fault(request: httpx2.Request, response: httpx2.Response) -> str | None:
    status = response.status_code
    # Only a POST carries a call. A server may refuse the others, and the SDK goes on without them.
    if request.method != "POST":
        return None
    if status in (401, 403):
        return _REFUSES.format(status)
    # In MCP, this is how a server says that the session has ended; the client must begin a new one.
    if status == 404 and MCP_SESSION_ID in request.headers:
        return _FORGOT
    # JSON may be a JSON-RPC error, which says more than the status; the SDK reads it.
    is_json = response.headers.get("content-type", "").lower().startswith("application/json")
    if (status == 429 or status >= 500) and not is_json:
        return f"it answered with HTTP {status}"
    return None


def _fail(request: httpx2.Request, why: str, *, lost: bool = True) -> httpx2.Response:
    # DELETE only ends a session, and the SDK would log a warning if it failed.
    if request.method == "DELETE":
        return httpx2.Response(204)
    code = CONNECTION_LOST if lost else types.INTERNAL_ERROR
    # The SDK replaces the null by the id of the request.
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": why}}
    return httpx2.Response(502, json=error)


def _origin(server: HttpServer) -> str:
    return str(httpx2.URL(server.url).copy_with(raw_path=b"/"))


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    # Kept for all servers, because reading the certificates takes 20 ms and more.
    return httpx2.create_ssl_context()
