"""Reads from the settings which APIs and MCP servers one process serves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pymode.apis.openapi import OpenAPI
from pymode.cli.settings import Settings, read_credentials
from pymode.errors import ConfigError
from pymode.http.address import ListenAddress

if TYPE_CHECKING:
    from pymode.apis.identity import Tokens
    from pymode.codemode import CodeMode
    from pymode.tools.mcp import ServerSource

# A URL has a colon before its first "=", and a path that looks so can be written ./a=b.
_NAMED = re.compile(r"([A-Za-z_][\w-]*)=(.*)", re.DOTALL)


def split_name(text: str) -> tuple[str | None, str]:
    """Return the parts of `NAME=VALUE`; the name is None if there is only a value."""
    named = _NAMED.fullmatch(text)
    return (named[1], named[2]) if named else (None, text)


def read_apis(settings: Settings) -> tuple[OpenAPI, ...]:
    """Return the APIs of the settings, without tokens: each call brings its own.

    Where there is neither a spec nor an MCP server it is Cloudflare's.

    Raises:
        ConfigError: a name is missing, unusable or given twice, or an option fits none of them.
    """
    documents = settings.spec
    if not documents and not settings.mcp and settings.mcp_config is None:
        documents = ("cloudflare",)
    named = [split_name(document) for document in documents]
    if settings.name is not None:
        if len(named) != 1 or named[0][0] is not None:
            raise ConfigError("--name is for a single document; write --spec NAME=SPEC instead")
        named = [(settings.name, named[0][1])]
    apis = [OpenAPI(document, name=name) for name, document in named]
    names = [api.name for api in apis]
    if twice := [name for name in names if names.count(name) > 1]:
        msg = f"two documents are called {twice[0]!r}; name them with --spec NAME=SPEC"
        raise ConfigError(msg)
    base_urls = _read_base_urls(settings.base_url, names)
    return tuple(
        OpenAPI(document, name=name, base_url=base_urls.get(name))
        for name, (_, document) in zip(names, named, strict=True)
    )


def read_servers(settings: Settings) -> dict[str, ServerSource]:
    """Return the MCP servers of the settings by name; none is started.

    Raises:
        ConfigError: one of them cannot be used, or two have one name.
    """
    servers: dict[str, ServerSource] = {}
    if settings.mcp_config is not None:
        from pymode.tools.mcp import read_config

        servers.update(read_config(settings.mcp_config))
        if not servers and not settings.mcp and not settings.spec:
            raise ConfigError(f"{settings.mcp_config} has no server that is not disabled")
    for text in settings.mcp:
        name, server = split_name(text)
        if name is None or not server.strip():
            # The text may hold a key, so it is not shown.
            msg = (
                "--mcp needs NAME=URL or NAME=COMMAND, such as linear=https://mcp.linear.app/mcp "
                'or "files=npx -y @modelcontextprotocol/server-filesystem DIR"'
            )
            raise ConfigError(msg)
        if name in servers:
            raise ConfigError(f"two MCP servers are called {name!r}; give one another name")
        servers[name] = server
    return servers


def read_tokens(apis: Sequence[OpenAPI]) -> Tokens:
    """Return the tokens of the process's user: one for the only API, or several by name.

    Raises:
        ConfigError: a token cannot stand in an HTTP header.
    """
    found = {api.name: read_credentials(api.name).api_token for api in apis}
    if len(found) == 1:
        return next(iter(found.values()))
    return {name: token for name, token in found.items() if token is not None} or None


def read_account(settings: Settings, apis: Sequence[OpenAPI]) -> str | None:
    """Return the account of the process's user: the one given, or that of the first API."""
    known = read_credentials(apis[0].name).account_id if apis else None
    return settings.account_id or known


def check_address(address: ListenAddress, servers: Mapping[str, ServerSource]) -> None:
    """Refuse to let strangers on a network use MCP servers with the operator's credentials.

    Callers bring the tokens of APIs with their requests, but an MCP server is reached with what
    its operator configured, whoever calls.

    Raises:
        ConfigError: there are MCP servers, and others than this machine can reach the address.
    """
    if servers and not address.is_loopback:
        msg = (
            f"--http {address.authority}:{address.port} would let anyone who reaches it use "
            f"{_list(servers)} with your credentials: listen on 127.0.0.1 and put an "
            "authenticating proxy in front, with its name in --allow-host"
        )
        raise ConfigError(msg)


def _read_base_urls(given: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    base_urls: dict[str, str] = {}
    for text in given:
        name, url = split_name(text)
        if name is None:
            if len(names) != 1:
                raise ConfigError("--base-url needs NAME=URL where there is not a single API")
            name = names[0]
        if name not in names:
            known = _list(names) or "there is none"
            raise ConfigError(f"--base-url is for {name[:60]!r}, which is no API here ({known})")
        if name in base_urls:
            raise ConfigError(f"--base-url is given twice for {name!r}")
        base_urls[name] = url
    return base_urls


def _list(names: Mapping[str, object] | Sequence[str]) -> str:
    return ", ".join(names)


def make_code_mode(settings: Settings, *, workers: int | None = None) -> CodeMode:
    """Return a `CodeMode` made from the settings, without a token: each call brings its own."""
    from pymode.codemode import CodeMode

    return CodeMode(
        *read_apis(settings),
        mcp=read_servers(settings),
        limits=settings.limits,
        workers=settings.workers or workers,
        rules=settings.rules,
        check=settings.check,
        dry_run=settings.dry_run,
        log=settings.log_path,
        retention=settings.retention,
    )
