"""`pymode serve`."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer

from pymode.cli import gateway
from pymode.cli.console import say
from pymode.cli.options import with_settings
from pymode.cli.settings import Settings
from pymode.http.address import ListenAddress

# A call may wait for a worker before its own time begins.
DRAIN_MARGIN_SECONDS = 5.0


@with_settings
def serve(
    settings: Settings,
    http: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Serve Streamable HTTP at /mcp, not stdio."),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A further host name that HTTP clients use; repeatable."),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch", help="Replace documents that change: files, URLs, and what was pulled."
        ),
    ] = False,
) -> None:
    """Serve the tools search and execute over MCP, in front of APIs and MCP servers.

    Over stdio the token is that in CLOUDFLARE_API_TOKEN (NAME_API_TOKEN for another API). Over
    HTTP each request brings its own, as the header Authorization: Bearer TOKEN, or as
    NAME-API-Token: TOKEN for each of several APIs.
    """
    asyncio.run(_serve(settings, http, allow_host or [], is_watching=watch))


async def _serve(
    settings: Settings, http: str | None, allowed_hosts: list[str], *, is_watching: bool
) -> None:
    from pymode.server.preparation import Preparation

    address = None if http is None else ListenAddress.parse(http)
    if address:
        gateway.check_address(address, gateway.read_servers(settings))
    apis = gateway.read_apis(settings)
    code_mode = gateway.make_code_mode(settings)
    preparation = Preparation(code_mode)
    await preparation.open()
    watching: asyncio.Task[None] | None = None
    try:
        # Importing mcp takes 1 s, in which the sandbox processes can start on another CPU.
        await asyncio.to_thread(__import__, "pymode.server")
        from pymode.server import make_server, serve_stdio

        server = make_server(
            code_mode,
            max_tokens=settings.max_tokens,
            # The process's own credentials are for its own user; over HTTP others may call.
            token=None if address else gateway.read_tokens(apis),
            account_id=settings.account_id if address else gateway.read_account(settings, apis),
            preparation=preparation,
        )
        if is_watching:
            from pymode.server.watching import watch

            watching = asyncio.create_task(watch(code_mode, server.tell_tools_changed))
        if address is None:
            if sys.stdin.isatty():
                say("pymode: serving MCP over stdio; a client should start this. Ctrl-C ends it.")
            await serve_stdio(server)
        else:
            from pymode.server.listening import serve_http

            await serve_http(
                server,
                address,
                allowed_hosts=allowed_hosts,
                source_bytes=settings.limits.source_bytes,
                drain_seconds=settings.limits.wall_seconds + DRAIN_MARGIN_SECONDS,
                announce=lambda url: say(f"pymode: serving {url}"),
            )
    finally:
        if watching is not None:
            watching.cancel()
        await preparation.aclose()
