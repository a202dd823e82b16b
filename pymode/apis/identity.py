"""The caller of a call: its credentials, and what tells it from other callers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pydantic import SecretStr

from pymode.apis.auth import Auth, Bearer
from pymode.apis.openapi import OpenAPI
from pymode.errors import ConfigError
from pymode.http.redaction import Redactor
from pymode.namespaces import error_name

Token: TypeAlias = str | SecretStr
Tokens: TypeAlias = Token | Mapping[str, Token | None] | None
"""The tokens of one call: one token for the only API, or tokens by the names of APIs.

An API whose token is None gets no token. An API that is not named uses the token that it was set up
with."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller of a call.

    Args:
        auths: the credentials for each API, by its name; None sends no credential.
        secret: the secret for the first API; None if there is none, or if a function makes it.
        owner_secret: all known secrets joined, to tell callers apart; None if there are none.
        redactor: takes the secrets out of a text.
    """

    auths: Mapping[str, Auth | None]
    secret: SecretStr | None
    owner_secret: SecretStr | None
    redactor: Redactor


def hide(tokens: Tokens) -> Tokens:
    """Return the tokens as `SecretStr`, which no traceback shows."""
    if isinstance(tokens, str):
        return SecretStr(tokens)
    if isinstance(tokens, Mapping):
        return {
            name: SecretStr(token) if isinstance(token, str) else token
            for name, token in tokens.items()
        }
    return tokens


def identify(apis: Sequence[OpenAPI], tokens: Tokens) -> Identity:
    """Return the caller of a call that brings these tokens.

    Args:
        apis: the APIs of the `CodeMode`.
        tokens: the tokens of the call, as `hide` returns them.

    Raises:
        ConfigError: a token is for an unknown API, one token came for several APIs, or a token
            has characters that cannot be sent.
    """
    if isinstance(tokens, Mapping):
        given = {name: None if token is None else Bearer(token) for name, token in tokens.items()}
    elif tokens is None:
        given = {}
    elif len(apis) == 1:
        given = {apis[0].name: Bearer(tokens)}
    else:
        names = ", ".join(api.name for api in apis) or "none"
        msg = f"one token fits one API; give tokens by the names of the APIs (here: {names})"
        raise ConfigError(msg)
    if unknown := given.keys() - {api.name for api in apis}:
        raise ConfigError(f"there is a token for {min(unknown)[:60]!r}, and no API of that name")
    auths = {api.name: given.get(api.name, api.auth) for api in apis}
    known = [secret for auth in auths.values() if auth for secret in auth.known]
    first = auths[apis[0].name] if apis else None
    joined = SecretStr("\n".join(secret.get_secret_value() for secret in known))
    return Identity(
        auths,
        first.known[0] if first and first.known else None,
        joined if known else None,
        Redactor(*known),
    )


def find_missing(apis: Sequence[OpenAPI], tokens: Tokens, message: str) -> list[str]:
    """Return the names of the APIs that an error is about and that had no token.

    Args:
        apis: the APIs of the process.
        tokens: the tokens of the call.
        message: the message of the error; it holds the name of the API's exception class.
    """
    return [
        api.name
        for api in apis
        if api.auth is None
        and (tokens is None or (isinstance(tokens, Mapping) and tokens.get(api.name) is None))
        and re.search(rf"\b{error_name(api.name)}\b", message)
    ]
