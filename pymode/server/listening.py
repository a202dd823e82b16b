"""Serves MCP over Streamable HTTP, and decides whom to answer."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings

from pymode.errors import ConfigError
from pymode.http.address import ListenAddress
from pymode.server.seals import MAX_STATE_CHARS

if TYPE_CHECKING:
    from types import FrameType

    from pymode.server.changes import ChangingServer

PATH = "/mcp"

_log = logging.getLogger(__name__)

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")

# Sessions exist for clients of the older protocol; each costs a task and some buffers.
_MAX_SESSIONS = 1_000

# Open event streams would hold up the end of the process for as long as their clients like.
_SHUTDOWN_SECONDS = 2

# JSON may write one byte of the code as six (\u0000); the rest of a request is small.
_ESCAPE_FACTOR = 6
_LEAST_BODY_BYTES = 1024 * 1024


def guard(address: ListenAddress, allowed_hosts: Sequence[str]) -> TransportSecuritySettings:
    """Return which `Host` and `Origin` headers are accepted: loopback, the address, allowed names.

    A web page can make a browser send requests to any address, under the page's own host name
    (DNS rebinding); only these two headers tell such a request from an honest one.

    Raises:
        ConfigError: the address is every interface and no name was allowed, or a name is none.
    """
    for name in allowed_hosts:
        if not re.fullmatch(r"[A-Za-z0-9_.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\]", name):
            raise ConfigError(
                f"--allow-host needs a host name, such as mcp.example.com, not {name!r}"
            )
    if address.is_everywhere and not allowed_hosts:
        msg = (
            f"--http {address.authority}:{address.port} listens on every interface: name the host "
            "that clients use, as in --allow-host mcp.example.com"
        )
        raise ConfigError(msg)
    own = () if address.is_everywhere else (address.authority,)
    names = dict.fromkeys((*_LOOPBACK_NAMES, *own, *map(str.lower, allowed_hosts)))
    hosts = [host for name in names for host in (name, f"{name}:*")]
    origins = [f"{scheme}://{host}" for host in hosts for scheme in ("http", "https")]
    return TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=origins)


async def serve_http(
    server: ChangingServer,
    address: ListenAddress,
    *,
    allowed_hosts: Sequence[str] = (),
    source_bytes: int,
    drain_seconds: float,
    announce: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve any number of clients until SIGINT or SIGTERM.

    Then calls that have begun may end; a second signal cancels them.

    Args:
        server: the tools, from `make_server`.
        address: where to listen.
        allowed_hosts: further names under which clients may reach the server.
        source_bytes: the largest code; the cap on a request's body follows from it and from the
            largest state of a paused call.
        drain_seconds: how long calls may go on after a signal.
        announce: told the URL once the port is taken.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        max_request_body_size=MAX_STATE_CHARS
        + max(_LEAST_BODY_BYTES, _ESCAPE_FACTOR * source_bytes + 64 * 1024),
        max_sessions=_MAX_SESSIONS,
        transport_security=guard(address, allowed_hosts),
    )
    config = uvicorn.Config(
        app,
        # An access log would hold nothing but the same line each time.
        access_log=False,
        http="httptools",
        lifespan="on",
        log_config=None,
        # The peer is the peer: nothing here reads X-Forwarded-For, and no one may forge it.
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        ws="none",
    )
    with _bind(address) as bound:
        url = f"http://{address.authority}:{bound.getsockname()[1]}{PATH}"
        listening = _DrainingServer(config, server, drain_seconds, lambda: announce(url))
        await listening.serve(sockets=[bound])


class _DrainingServer(uvicorn.Server):
    """Waits for the calls under way before it closes connections."""

    def __init__(
        self,
        config: uvicorn.Config,
        server: ChangingServer,
        seconds: float,
        announce: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._server = server
        self._seconds = seconds
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._announce()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            self.force_exit = True
        elif calls := len(self._server.calls):
            _log.warning("stopping when %d calls have ended; a second signal cancels them", calls)
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in self.servers:
            listener.close()
        await self._server.drain(self._seconds, lambda: self.force_exit)
        # Those that were cancelled still get their answers.
        self.force_exit = False
        await super().shutdown(sockets)


def _bind(address: ListenAddress) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is given; with it on, an
    # answer that is written in two parts takes 40 ms longer.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address.host, address.port))
        bound.listen()
    except OSError as error:
        bound.close()
        msg = f"cannot listen on {address.authority}:{address.port}: {error.strerror or error}"
        raise ConfigError(msg) from None
    return bound
