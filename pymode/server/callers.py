"""Who calls: over stdio the user of the process, over HTTP the sender of the token.

Over HTTP the token of the only API is that of `Authorization: Bearer TOKEN`. Where there are
several APIs each has a header of its own, such as `GitHub-API-Token: TOKEN`; case does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from pymode.apis.auth import check_token
from pymode.errors import ConfigError

if TYPE_CHECKING:
    from starlette.requests import Request

    from pymode.apis.identity import Tokens

_MAX_SESSION_CHARS = 200


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request.

    Args:
        token: sent to the APIs, and what kept results belong to.
        keeps: whether it has state and kept results. Callers of an API without a token over HTTP
            cannot be told from each other, so they have none.
    """

    token: Tokens
    keeps: bool = True


def read_caller(headers: Mapping[str, str], apis: Sequence[str]) -> Caller:
    """Return who sent a request over HTTP.

    Args:
        headers: those of the request.
        apis: the names of the APIs.

    Raises:
        ConfigError: a header is there and brings no token.
    """
    if not apis:
        # A server with MCP servers alone listens on loopback only: whoever calls is its own user.
        return Caller(None)
    if len(apis) == 1:
        token = _read_bearer(headers.get("authorization"))
        return Caller(token, keeps=token is not None)
    # None for the others: without it they would be called with tokens of the server's own.
    tokens = {
        name: check_token(headers[header_name(name)], source=f"the header {header_name(name)}")
        if header_name(name) in headers
        else None
        for name in apis
    }
    brings_any = any(token is not None for token in tokens.values())
    return Caller(tokens if brings_any else None, keeps=brings_any)


def read_session(request: Request | None) -> str:
    """Return the session of a request; "" over stdio, and from MCP 2026-07-28 on."""
    return "" if request is None else request.headers.get("mcp-session-id", "")[:_MAX_SESSION_CHARS]


def header_name(api: str) -> str:
    """Return the header that carries the token of one of several APIs."""
    return f"{api.replace('_', '-')}-api-token"


def how_to_send(apis: Sequence[str], missing: Sequence[str]) -> str:
    """Return the headers that a caller should send, for a message.

    Args:
        apis: all that there are.
        missing: those whose tokens it should send.
    """
    if len(apis) == 1:
        return "Authorization: Bearer TOKEN"
    return " or ".join(f"{header_name(api)}: TOKEN" for api in missing)


def write_tokens(tokens: Tokens) -> str:
    """Return all tokens of a call as one text; its sealed journal is bound to that text."""
    given = tokens if isinstance(tokens, Mapping) else {"": tokens or ""}
    texts = [
        f"{name}={token.get_secret_value() if isinstance(token, SecretStr) else token or ''}"
        for name, token in sorted(given.items())
    ]
    return "\n".join(texts)


def _read_bearer(header: str | None) -> SecretStr | None:
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise ConfigError("the Authorization header must be: Bearer, a space, the API token")
    return check_token(token, source="the token in the Authorization header")
