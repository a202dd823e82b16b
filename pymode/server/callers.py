"""Who calls: the process's own user over stdio, whoever sends a token over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pymode.config import check_token
from pymode.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request.

    Args:
        token: sent to the API, and what kept results belong to.
        keeps: whether it has kept results. Callers without a token over HTTP cannot be told from
            each other, so they have none.
    """

    token: SecretStr | None
    keeps: bool = True


def read_caller(headers: Mapping[str, str]) -> Caller:
    """Who sent a request over HTTP.

    Args:
        headers: those of the request.

    Raises:
        ConfigError: the Authorization header is not `Bearer TOKEN`.
    """
    header = headers.get("authorization")
    if header is None:
        return Caller(None, keeps=False)
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise ConfigError("the Authorization header must be: Bearer, a space, the API token")
    return Caller(check_token(token, source="the token in the Authorization header"))
