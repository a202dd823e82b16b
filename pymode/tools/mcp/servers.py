"""Reads what a user gives for an MCP server: a command, a URL, or an object."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from mcp import StdioServerParameters
from mcp.server import MCPServer
from mcp.server import Server as LowlevelServer
from pydantic import SecretStr

from pymode.errors import ConfigError

_WANTED = (
    "a URL, a command as text or as a list, StdioServerParameters, an MCPServer, or an object with "
    '"command" or "url" as in the mcpServers of MCP clients'
)


@dataclass(frozen=True, slots=True)
class StdioServer:
    """A server in a process of its own; messages go over its stdin and stdout.

    Args:
        command: the name or path of the program.
        args: the arguments of the program. They may hold secrets, so the repr hides them.
        env: variables of the environment, in addition to the few that every server gets (`PATH`,
            `HOME` and such; see `mcp.client.stdio.get_default_environment`).
        cwd: the working directory; None is that of pymode.
    """

    command: str
    args: tuple[str, ...] = field(default=(), repr=False)
    env: Mapping[str, SecretStr] = field(default_factory=dict)
    cwd: Path | None = None

    @property
    def secrets(self) -> list[SecretStr]:
        """Texts that no message may contain: the values of `env`."""
        return list(self.env.values())

    @property
    def place(self) -> str:
        """The name of the program, which messages may show."""
        return Path(self.command).name


@dataclass(frozen=True, slots=True)
class HttpServer:
    """A server at a URL.

    Args:
        url: a URL of http or https. Its path and query may hold a key, so the repr hides it.
        headers: headers that are sent with every request.
        is_sse: whether the server uses the older SSE transport instead of Streamable HTTP.
    """

    url: str = field(repr=False)
    headers: Mapping[str, SecretStr] = field(default_factory=dict)
    is_sse: bool = False

    @property
    def secrets(self) -> list[SecretStr]:
        """Texts that no message may contain: header values, tokens in them, the path, the query."""
        values = [value.get_secret_value() for value in self.headers.values()]
        # Of "Bearer TOKEN", the token alone is a secret, too.
        values += [value.partition(" ")[2] for value in values]
        parts = urlsplit(self.url)
        return [SecretStr(value) for value in (*values, parts.path, parts.query) if value]

    @property
    def place(self) -> str:
        """The host of the URL, which messages may show."""
        return urlsplit(self.url).hostname or "?"


@dataclass(frozen=True, slots=True, repr=False)
class LocalServer:
    """A server object in this process.

    Args:
        server: an `MCPServer` or a lowlevel `Server` of the MCP SDK.
    """

    server: MCPServer | LowlevelServer[Any]

    secrets = ()

    @property
    def place(self) -> str:
        """A name for the server in messages."""
        return "this process"


Server = StdioServer | HttpServer | LocalServer

ServerSource = (
    str
    | Sequence[str]
    | StdioServerParameters
    | MCPServer
    | LowlevelServer[Any]
    | Mapping[str, Any]
    | StdioServer
    | HttpServer
    | LocalServer
)
"""What a user may give for one server; see `read_server`."""


def read_server(name: str, given: object) -> Server:
    """Return a server from any of the forms in which a user may give it.

    Args:
        name: the user's name for the server, which errors show.
        given: a URL, a command as text (split as a shell does it, without expanding anything) or
            as a list, `StdioServerParameters`, an `MCPServer` or lowlevel `Server`, or an entry of
            `mcpServers` without `${…}` variables.

    Raises:
        ConfigError: the value is none of these, or cannot be used; the message holds nothing that
            may be secret.
    """
    if isinstance(given, (StdioServer, HttpServer, LocalServer)):
        return given
    if isinstance(given, (MCPServer, LowlevelServer)):
        return LocalServer(given)
    if isinstance(given, StdioServerParameters):
        cwd = Path(given.cwd) if given.cwd is not None else None
        return make_command(name, [given.command, *given.args], given.env or {}, cwd)
    if isinstance(given, str):
        if given.strip().lower().startswith(("http://", "https://")):
            return make_url(name, given.strip(), {})
        return make_command(name, _split(name, given))
    if isinstance(given, Mapping):
        return read_entry(name, given)
    if isinstance(given, Sequence) and not isinstance(given, (bytes, bytearray)):
        return make_command(name, given)
    raise ConfigError(f"the MCP server {name!r} must be {_WANTED}, not {type(given).__name__}")


def read_entry(name: str, entry: Mapping[Any, Any]) -> Server:
    """Return the server of one entry of `mcpServers`, whose variables are replaced already.

    Args:
        name: the user's name for the server, which errors show.
        entry: an object with "command" or "url" and the other keys that MCP clients know.

    Raises:
        ConfigError: the entry does not have either "command" or "url", or a field has the wrong
            type.
    """
    command, url, kind = entry.get("command"), entry.get("url"), entry.get("type")
    if url is None and "serverUrl" in entry:
        url = entry["serverUrl"]
    if (command is None) == (url is None):
        raise ConfigError(f'the MCP server {name!r} needs either "command" or "url"')
    if command is not None:
        if kind not in (None, "stdio"):
            raise ConfigError(f'the MCP server {name!r} has a command, so its "type" is "stdio"')
        args, cwd = entry.get("args") or [], entry.get("cwd")
        if isinstance(args, str) or not isinstance(args, Sequence):
            raise ConfigError(f'"args" of the MCP server {name!r} must be a list of texts')
        if cwd is not None and not isinstance(cwd, (str, Path)):
            raise ConfigError(f'"cwd" of the MCP server {name!r} must be a path')
        env = _texts(name, "env", entry.get("env"))
        return make_command(name, [command, *args], env, Path(cwd) if cwd else None)
    known = (None, "http", "streamable-http", "streamableHttp", "streamable_http", "sse")
    if kind not in known:
        raise ConfigError(f'the MCP server {name!r} has a URL, so its "type" is "http" or "sse"')
    if not isinstance(url, str):
        raise ConfigError(f'"url" of the MCP server {name!r} must be a text')
    return make_url(name, url, _texts(name, "headers", entry.get("headers")), kind == "sse")


def make_command(
    name: str,
    words: Iterable[object],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> StdioServer:
    """Return a server that is started by a command.

    Args:
        name: the user's name for the server, which errors show.
        words: the program and its arguments.
        env: variables of the environment, in addition to those that every server gets.
        cwd: the working directory; None is that of pymode.

    Raises:
        ConfigError: there is no program, or the system cannot take a word or a variable.
    """
    command = list(words)
    # The system ends an argument and a variable at a NUL character.
    texts = [word for word in command if isinstance(word, str) and "\0" not in word]
    if len(texts) != len(command) or not texts or not texts[0].strip():
        raise ConfigError(
            f"the command of the MCP server {name!r} must be texts: program, arguments"
        )
    for variable, value in (env or {}).items():
        if not variable or "=" in variable or "\0" in variable + value:
            raise ConfigError(f'"env" of the MCP server {name!r} has an invalid name or value')
    secrets = {variable: SecretStr(value) for variable, value in (env or {}).items()}
    return StdioServer(texts[0], tuple(texts[1:]), secrets, cwd.expanduser() if cwd else None)


def make_url(name: str, url: str, headers: Mapping[str, str], is_sse: bool = False) -> HttpServer:
    """Return a server at a URL.

    A user and password in the URL become an Authorization header, unless `headers` has one.

    Args:
        name: the user's name for the server, which errors show.
        url: a URL of http or https.
        headers: headers to send with every request, with their secrets.
        is_sse: whether the server uses the older SSE transport instead of Streamable HTTP.

    Raises:
        ConfigError: the URL or a header cannot be sent.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
        usable = usable and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or any(char <= " " or char == "\x7f" for char in url):
        raise ConfigError(f"the URL of the MCP server {name!r} must be like https://host/mcp")
    for header, value in headers.items():
        if not _is_header(header, value):
            raise ConfigError(f"the MCP server {name!r} has a header that cannot be sent")
    given = dict(headers)
    if parts.username is not None and "authorization" not in map(str.lower, given):
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        given["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    secrets = {header: SecretStr(value) for header, value in given.items()}
    return HttpServer(_without_user(parts), secrets, is_sse)


def _without_user(parts: SplitResult) -> str:
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, fragment="").geturl()


def _is_header(name: str, value: str) -> bool:
    # RFC 9110, section 5.6.2: the characters of a name, besides letters and digits.
    marks = "!#$%&'*+-.^_`|~"
    sane = bool(name) and all(c.isascii() and (c.isalnum() or c in marks) for c in name)
    return sane and value.isascii() and (value.isprintable() or not value)


def _split(name: str, command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        # The error may be shown: shlex names the fault and quotes none of the text, which may be
        # secret.
        raise ConfigError(f"the command of the MCP server {name!r}: {error}") from None


def _texts(name: str, key: str, given: object) -> dict[str, str]:
    if given is None:
        return {}
    found: dict[Any, Any] = dict(given) if isinstance(given, Mapping) else {"": None}
    if not all(isinstance(k, str) and isinstance(v, (str, int)) for k, v in found.items()):
        raise ConfigError(f'"{key}" of the MCP server {name!r} must be names with texts')
    return {k: v if isinstance(v, str) else _spell(v) for k, v in found.items()}


def _spell(value: int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
