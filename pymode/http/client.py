"""HTTP with every size and time capped; the only module that touches httpx.

Requests go straight to httpx's transport. That leaves out what a client adds and what is unsafe
here: redirects, a cookie jar shared by all calls, proxies and netrc from the environment.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from pymode.errors import HttpError, RequestRefused
from pymode.http.body import BodyReader

# Importing it takes 0.1 s, which a search never needs: it is imported where it is used. This module
# is the owner of the dependency.
# ruff: noqa: TID251
if TYPE_CHECKING:
    import httpx

# One part of a multipart upload: field name, then file name, content, content type.
Part = tuple[str, tuple[str | None, bytes, str | None]]

IDLE_SECONDS = 15.0
CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Response:
    """A response that was read to its end.

    Args:
        status: the HTTP status, also 3xx, 4xx and 5xx.
        headers: names in lower case; repeated ones are joined with commas.
        body: the bytes after decompression.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Flight:
    """How far one request came: whether it left, and the status that came back.

    Args:
        departing: see `Http.send`.
        room: see `Http.send`.
        sent: whether the first byte went out.
        status: the status of the answer; None before there is one.
    """

    departing: Callable[[], None] | None
    room: Room | None = None
    sent: bool = False
    status: int | None = None

    async def trace(self, event: str, _info: Mapping[str, object]) -> None:
        """Take note of what httpcore is about to do."""
        # Everything before this is name look-up, connecting and TLS. A connection that the server
        # closed while it was idle is found out before this too, and replaced.
        if event.endswith(".send_request_headers.started") and not self.sent:
            self.sent = True
            if self.departing is not None:
                self.departing()


class Room(Protocol):
    """What bounds the answers of several requests together."""

    def reserve(self, size_bytes: int) -> None:
        """Make room for a part of a body. Raises `HttpError` where there is none."""

    def give_back(self, size_bytes: int) -> None:
        """Take back room that was not needed."""


class ConnectionPool:
    """The connections to one origin."""

    def __init__(self, connections: int) -> None:
        self.free = asyncio.Semaphore(connections)
        self.idle: list[httpx.AsyncHTTPTransport] = []


class Http:
    """A pool of HTTP/1.1 connections for each origin; an async context manager.

    Args:
        response_bytes: the most that one response body may have, on the wire and decompressed.
        wall_seconds: from the start of a request to the last byte of its response.
        connections: open at once to one origin; further requests to it wait for one within
            their `wall_seconds`.
    """

    def __init__(self, *, response_bytes: int, wall_seconds: float, connections: int = 40) -> None:
        self._response_bytes = response_bytes
        self._wall_seconds = wall_seconds
        self._connections = connections
        self._pools: dict[tuple[str, str, int | None], ConnectionPool] = {}
        self._open: set[httpx.AsyncHTTPTransport] = set()
        self._tls: ssl.SSLContext | None = None

    async def __aenter__(self) -> Http:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection; a later `send` opens new ones."""
        for pool in self._pools.values():
            pool.idle.clear()
        while self._open:
            await self._open.pop().aclose()

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        files: Sequence[Part] | None = None,
        within: str | None = None,
        deadline: float | None = None,
        departing: Callable[[], None] | None = None,
        room: Room | None = None,
    ) -> Response:
        """Send one request and read its whole response; redirects are not followed.

        Args:
            method: such as "GET".
            url: absolute, http or https.
            headers: sent as they are, before the few that every request has.
            content: the body; not together with `files`.
            files: parts of a multipart/form-data body.
            within: a base URL; the finished URL must have its origin and lie below its path.
            deadline: in the time of the event loop; it ends the request before `wall_seconds` do.
            departing: called once, before the first byte of the request goes out. When it was
                not called, also after a cancellation, surely nothing was sent.
            room: has to have room for the body before it is read.

        Raises:
            RequestRefused: the URL or a header cannot be sent, or the URL is not `within`.
            HttpError: no whole response came back within the limits.
        """
        import httpx

        flight = Flight(departing, room)
        request = self._build(method, url, headers or {}, content, files, flight)
        if within is not None:
            assert_within(request.url, within)
        now = asyncio.get_running_loop().time()
        seconds = self._wall_seconds if deadline is None else deadline - now
        seconds = max(0.0, min(self._wall_seconds, seconds))
        try:
            async with asyncio.timeout(seconds):
                if not seconds:
                    raise TimeoutError
                return await self._exchange(request, flight)
        except (TimeoutError, httpx.HTTPError, OSError, UnicodeError) as error:
            raise explain(error, request, flight, seconds) from error

    def _build(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | None,
        files: Sequence[Part] | None,
        flight: Flight,
    ) -> httpx.Request:
        import httpx

        fixed = {"accept": "*/*", "user-agent": "pymode"}
        sent = fixed | {name.lower(): value for name, value in headers.items()}
        sent["accept-encoding"] = "identity"
        # The wall clock is one deadline around everything; httpx's own would start anew
        # with each read, so that a dripping server could hold a request for ever.
        timeout = {"connect": CONNECT_SECONDS, "read": None, "write": None, "pool": None}
        try:
            request = httpx.Request(
                method,
                url,
                headers=sent,
                content=content,
                files=list(files) if files else None,
                extensions={"timeout": timeout, "trace": flight.trace},
            )
        except (httpx.InvalidURL, UnicodeError) as error:
            raise RequestRefused(f"this request cannot be sent: {error}") from error
        if request.url.scheme not in ("http", "https") or not request.url.host:
            raise RequestRefused("a URL must start with http:// or https:// and name a host")
        return request

    async def _exchange(self, request: httpx.Request, flight: Flight) -> Response:
        url = request.url
        # Of each origin its own: one that is slow takes no connection from the others.
        pool = self._pools.get(origin := (url.scheme, url.host, url.port))
        if pool is None:
            pool = self._pools[origin] = ConnectionPool(self._connections)
        async with pool.free:
            # The one used last is the least likely to have been closed by the server.
            transport = pool.idle.pop() if pool.idle else self._open_transport(url.scheme)
            try:
                response = await self._receive(request, transport, flight)
            except BaseException:
                self._open.discard(transport)
                await transport.aclose()
                raise
            if transport in self._open:
                pool.idle.append(transport)
            return response

    async def _receive(
        self, request: httpx.Request, transport: httpx.AsyncHTTPTransport, flight: Flight
    ) -> Response:
        response = await transport.handle_async_request(request)
        flight.status = response.status_code
        headers = {name.lower(): value for name, value in response.headers.items()}
        try:
            is_head = request.method == "HEAD"
            body = b"" if is_head else await self._read(response, headers, flight.room)
        except HttpError as error:
            raise HttpError(str(error), kind=error.kind, status=flight.status) from None
        finally:
            await response.aclose()
        return Response(response.status_code, headers, body)

    async def _read(
        self, response: httpx.Response, headers: Mapping[str, str], room: Room | None
    ) -> bytes:
        body = BodyReader(headers, self._response_bytes)
        chunks: list[bytes] = []
        read_bytes = 0
        reserved = body.declared_bytes
        if room is not None:
            room.reserve(reserved)
        try:
            async for chunk in response.stream:  # type: ignore[union-attr]
                chunks.append(body.feed(chunk))
                read_bytes += len(chunks[-1])
                if read_bytes > reserved and room is not None:
                    room.reserve(read_bytes - reserved)
                    reserved = read_bytes
            body.finish()
        finally:
            if room is not None:
                room.give_back(max(0, reserved - read_bytes))
        return b"".join(chunks)

    def _open_transport(self, scheme: str) -> httpx.AsyncHTTPTransport:
        import httpx

        # Each transport holds one connection: a pool of 40 looks at all of its connections twice
        # for each request, which made 20 requests at a time twice as slow.
        limits = httpx.Limits(max_connections=1, keepalive_expiry=IDLE_SECONDS)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if scheme == "https":
            # Loading the certificates takes 10 ms and more: once, and only when they are used.
            context = self._tls = self._tls or httpx.create_ssl_context(trust_env=False)
        transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits)
        self._open.add(transport)
        return transport


def explain(error: Exception, request: httpx.Request, flight: Flight, seconds: float) -> HttpError:
    """Say what went wrong and whether the request may have taken effect."""
    import httpx

    host = request.url.host
    reason = str(error) or type(error).__name__
    if isinstance(error, TimeoutError):
        kind, msg = "timeout", f"no complete answer within {round(seconds, 1):g} s"
    elif isinstance(error, httpx.TimeoutException):
        kind, msg = "timeout", f"no connection to {host} within {CONNECT_SECONDS:g} s"
    elif flight.sent:
        kind, msg = "broken", f"the connection to {host} broke off ({reason})"
    else:
        kind, msg = "connection", f"cannot connect to {host}: {reason}"
    if flight.status is not None:
        msg += f"; the request was answered with status {flight.status}, but not to the end"
    elif not flight.sent:
        msg += "; this attempt sent nothing"
    elif kind == "broken" or request.method not in ("GET", "HEAD", "OPTIONS"):
        msg += "; whether the request took effect is not known"
    if kind == "timeout" and flight.sent:
        msg += "; ask for less at once"
    return HttpError(msg, kind=kind, arrived=flight.sent, status=flight.status)


def assert_within(url: httpx.URL, base_url: str) -> None:
    """Raise `RequestRefused` unless `url` has the origin of `base_url` and lies below its path."""
    origin, prefix = split_base(base_url)
    same_origin = (url.scheme, url.host, url.port) == origin
    if not same_origin or url.userinfo or not url.raw_path.startswith(prefix):
        raise RequestRefused("the request would leave the base URL of the API; nothing was sent")


@lru_cache(maxsize=16)
def split_base(base_url: str) -> tuple[tuple[str, str, int | None], bytes]:
    """Origin and path prefix of a base URL, as httpx reads them."""
    import httpx

    base = httpx.URL(base_url)
    return (base.scheme, base.host, base.port), base.raw_path.rstrip(b"/") + b"/"
