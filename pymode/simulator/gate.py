"""Middleware for every request: record, latency, rate limit and token."""

from __future__ import annotations

import asyncio
import re

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pymode.simulator.envelope import Refusal, refuse
from pymode.simulator.state import Access, State

PREFIX = "/client/v4"
SIMULATOR_PREFIX = f"{PREFIX}/simulator/"
# Reading the record must not change it.
UNRECORDED = (f"{SIMULATOR_PREFIX}requests", f"{SIMULATOR_PREFIX}in-flight")

TOKEN = re.compile(r"[A-Za-z0-9_.~+/=-]{8,512}")
READ_METHODS = ("GET", "HEAD", "OPTIONS")


class Gate:
    """ASGI middleware in front of every route.

    It is plain ASGI, because Starlette's BaseHTTPMiddleware starts a task group for each request.

    Args:
        app: the application behind it.
        state: has the record of requests, the latency and the rate limit.
    """

    def __init__(self, app: ASGIApp, state: State) -> None:
        self.app = app
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record one request and pass it on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        traffic = self.state.traffic
        traffic.count += 1
        ray = f"{0x8F00000000000000 + traffic.count:x}-SIM".encode()
        status = 500

        async def send_with_ray(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"cf-ray", ray),
                    (b"server", b"cloudflare"),
                ]
            await send(message)

        scope["simulator_state"] = self.state
        if scope["path"] in UNRECORDED:
            await self.app(scope, receive, send_with_ray)
            return
        traffic.in_flight += 1
        traffic.max_in_flight = max(traffic.max_in_flight, traffic.in_flight)
        try:
            await self._pass(scope, receive, send_with_ray)
        finally:
            traffic.in_flight -= 1
            traffic.requests.append(
                {
                    "method": scope["method"],
                    "path": scope.get("raw_path", b"").decode("latin-1"),
                    "query": scope["query_string"].decode("latin-1"),
                    "status": status,
                }
            )

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["path"].startswith(SIMULATOR_PREFIX):
            if self.state.latency_seconds > 0:
                await asyncio.sleep(self.state.latency_seconds)
            try:
                scope["simulator_access"] = admit(Request(scope), self.state)
            except Refusal as refusal:
                await refuse(refusal)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def admit(request: Request, state: State) -> Access:
    """Return what the request's token may do.

    Raises:
        Refusal: there are too many requests, or the token is missing, malformed, unknown or may
            not do this.
    """
    if state.rate_limit.refuses():
        raise Refusal(
            429,
            (971, "Please wait and consider throttling your request speed"),
            headers={"Retry-After": "1"},
        )
    header = request.headers.get("authorization")
    if header is None:
        raise Refusal(400, (9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers"))
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not TOKEN.fullmatch(token):
        chain = [{"code": 6111, "message": "Invalid format for Authorization header"}]
        raise Refusal(
            400, {"code": 6003, "message": "Invalid request headers", "error_chain": chain}
        )
    path = request.scope["path"].removeprefix(PREFIX)
    if not token.startswith("simulated-"):
        raise _unknown_token(path)
    writes = not token.startswith("simulated-readonly")
    if not writes and request.method not in READ_METHODS and path != "/graphql":
        raise Refusal(403, (10000, "Authentication error"))
    account_ids = tuple(state.accounts)
    return Access(account_ids if token == "simulated-two-accounts" else account_ids[:1], writes)  # noqa: S105 - a name that every reader of the tests may know


def _unknown_token(path: str) -> Refusal:
    """Return the refusal of an unknown token; the products of the real API differ in it."""
    if path == "/user/tokens/verify":
        return Refusal(401, (1000, "Invalid API Token"))
    if path.startswith(("/zones", "/user")):
        return Refusal(403, (9109, "Invalid access token"))
    return Refusal(401, (10000, "Authentication error"))
