"""Credentials for APIs: bearer tokens, API keys and basic authentication.

    Bearer(token)                      Authorization: Bearer …
    ApiKey(name, key)                  a header of that name, or a query parameter
    Basic(user, password)              Authorization: Basic …

Each secret is text, a `SecretStr`, or a function, asynchronous or not, that returns a fresh secret.
pymode calls the function at most once in each run of the code, before the first request. No secret
ever enters the sandbox, a repr, an error or the log.
"""

from __future__ import annotations

import asyncio
import base64
import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from pydantic import SecretStr

from pymode.errors import ConfigError

Secret: TypeAlias = str | SecretStr | Callable[[], str | SecretStr | Awaitable[str | SecretStr]]

_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]{1,8192}")


@dataclass(frozen=True, slots=True)
class Credential:
    """What each request of one run carries to say who calls.

    Args:
        headers: such as Authorization, with names in lower case.
        query: names and values that are added to the query.
        secrets: the texts that must be taken out of everything that goes back to the code.
    """

    headers: dict[str, str] = field(default_factory=dict, repr=False)
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    secrets: tuple[SecretStr, ...] = ()


class Bearer:
    """A bearer token.

    Args:
        token: the token, or a function that returns a fresh one.

    Raises:
        ConfigError: the token has characters that cannot be sent.
    """

    def __init__(self, token: Secret) -> None:
        # Tracebacks may show locals, so no frame here or below keeps a secret as plain text.
        token = hide_secret(token)
        self._token = _Hidden(token)
        for known in self.known:
            _check_token(known)

    @property
    def known(self) -> tuple[SecretStr, ...]:
        """The secrets that are known without calling a function."""
        return self._token.known

    async def make(self) -> Credential:
        """Return the credential for the requests of one run.

        Raises:
            ConfigError: the secret cannot be sent, or the function returned no text.
        """
        token = await self._token.read()
        _check_token(token)
        headers = {"authorization": f"Bearer {token.get_secret_value()}"}
        return Credential(headers, secrets=(token,))


class ApiKey:
    """A key in a header or in the query.

    Args:
        name: the name of the header or the query parameter.
        key: the key, or a function that returns a fresh one.
        where: "header" or "query".

    Raises:
        ConfigError: `where` is something else, or the name cannot be the name of a header.
    """

    def __init__(self, name: str, key: Secret, *, where: Literal["header", "query"] = "header"):
        key = hide_secret(key)
        if where not in ("header", "query"):
            raise ConfigError(f'where must be "header" or "query", not {where!r}')
        if where == "header" and not _HEADER_NAME.fullmatch(name):
            raise ConfigError(f"{name[:60]!r} cannot be the name of a header")
        self._name = name
        self._key = _Hidden(key)
        self._where = where

    @property
    def known(self) -> tuple[SecretStr, ...]:
        """The secrets that are known without calling a function."""
        return self._key.known

    async def make(self) -> Credential:
        """See `Bearer.make`."""
        key = await self._key.read()
        text = key.get_secret_value()
        if self._where == "query":
            return Credential(query=((self._name, text),), secrets=(key,))
        if not _HEADER_VALUE.fullmatch(text):
            raise ConfigError(f"the key for the header {self._name} cannot stand in a header")
        # In lower case like the headers of a request, so that it replaces one of the same name.
        return Credential({self._name.lower(): text}, secrets=(key,))


class Basic:
    """A user name and a password.

    Args:
        user: the user name, without a colon.
        password: the password, or a function that returns a fresh one.

    Raises:
        ConfigError: the user name has a colon.
    """

    def __init__(self, user: str, password: Secret) -> None:
        password = hide_secret(password)
        # The first colon ends the user name (RFC 7617, section 2).
        if ":" in user:
            raise ConfigError("the user name of basic authentication may hold no colon")
        self._user = user
        self._password = _Hidden(password)

    @property
    def known(self) -> tuple[SecretStr, ...]:
        """The secrets that are known without calling a function."""
        return self._password.known

    async def make(self) -> Credential:
        """See `Bearer.make`."""
        password = await self._password.read()
        pair = f"{self._user}:{password.get_secret_value()}".encode()
        encoded = base64.b64encode(pair).decode()
        # An answer may repeat the header, so the encoded pair is a secret as well.
        return Credential(
            {"authorization": f"Basic {encoded}"}, secrets=(password, SecretStr(encoded))
        )


Auth: TypeAlias = Bearer | ApiKey | Basic


def _check_token(token: SecretStr) -> None:
    if not _TOKEN.fullmatch(token.get_secret_value()):
        raise ConfigError("the API token has spaces or other characters that no token has")


def check_token(text: str, *, source: str) -> SecretStr:
    """Return an API token without the white space around it.

    Args:
        text: the token as it was found.
        source: where it was found, for the message.

    Raises:
        ConfigError: it is not a single word of printable ASCII; the message does not show it.
    """
    token = text.strip()
    if not re.fullmatch("[!-~]+", token):
        msg = f"{source} must be one word of printable ASCII characters; copy the token again"
        raise ConfigError(msg)
    return SecretStr(token)


class _Hidden:
    """A secret, or a function that returns one; the repr shows neither."""

    def __init__(self, secret: Secret) -> None:
        # Tracebacks may show locals, so the plain text is replaced under its own name.
        self._secret = secret = hide_secret(secret)

    @property
    def known(self) -> tuple[SecretStr, ...]:
        return (self._secret,) if isinstance(self._secret, SecretStr) else ()

    async def read(self) -> SecretStr:
        secret = self._secret
        if not isinstance(secret, SecretStr):
            # A function may ask another program and take long, so it must not block the event loop.
            secret = hide_secret(await asyncio.to_thread(secret))
            # An asynchronous function has only made its coroutine so far; it runs in this loop.
            if inspect.isawaitable(secret):
                secret = hide_secret(await secret)
        if not isinstance(secret, SecretStr):
            kind = type(secret).__name__
            raise ConfigError(f"the function for a secret must return a string, not {kind}")
        return secret


def hide_secret(secret: Any) -> Any:
    """Return a text as a stripped `SecretStr`, which tracebacks hide; anything else unchanged."""
    if isinstance(secret, SecretStr):
        return SecretStr(secret.get_secret_value().strip())
    return SecretStr(secret.strip()) if isinstance(secret, str) else secret


def to_auth(auth: Any) -> Auth | None:
    """Turn what a user gives into an `Auth`: a bare secret or a function is a bearer token."""
    if auth is None or isinstance(auth, (Bearer, ApiKey, Basic)):
        return auth
    return Bearer(auth)
