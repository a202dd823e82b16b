"""Read which accounts a token sees."""

from __future__ import annotations

import hmac
import json
import secrets
from dataclasses import dataclass

from pydantic import SecretStr

from pymode.errors import HostCallError
from pymode.http.client import Response

ACCOUNTS = 50
ERROR_CHARS = 1000
KNOWN_TOKENS = 1000


@dataclass(frozen=True, slots=True)
class Account:
    """One account that a token sees."""

    id: str
    name: str


def read_accounts(response: Response) -> tuple[list[Account], int]:
    """Read the accounts of a page, and how many there are in all.

    Raises:
        HostCallError: the answer is an error, or not a list of accounts.
    """
    failed = f"account_id is not known: GET /accounts answered {response.status}"
    try:
        answer = json.loads(response.body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise HostCallError(f"{failed} and no JSON object")
    errors = answer.get("errors")
    if response.status != 200 or answer.get("success") is False:
        texts = [
            f"{error.get('code', '')} {error.get('message', '')}".strip()
            for error in (errors if isinstance(errors, list) else [])[:3]
            if isinstance(error, dict)
        ]
        raise HostCallError(": ".join([failed, *texts])[:ERROR_CHARS])
    result = answer.get("result")
    if not isinstance(result, list):
        raise HostCallError(f"{failed}, but without a list of accounts")
    accounts = [
        Account(item["id"], str(item.get("name", ""))[:100])
        for item in result[:ACCOUNTS]
        if isinstance(item, dict) and isinstance(item.get("id"), str)
    ]
    info = answer.get("result_info")
    total = info.get("total_count") if isinstance(info, dict) else None
    return accounts, max(len(accounts), total if isinstance(total, int) else 0)


class KnownAccounts:
    """The only accounts of tokens, as they were found; tokens are not kept.

    They are known by a digest that nobody else can compute.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._ids: dict[bytes, str] = {}

    def get(self, secret: SecretStr | None) -> str | None:
        """Return the account of a token, if it was found before."""
        return self._ids.get(self._digest(secret))

    def put(self, secret: SecretStr | None, account_id: str) -> None:
        """Keep the account of a token."""
        if len(self._ids) >= KNOWN_TOKENS:
            self._ids.clear()
        self._ids[self._digest(secret)] = account_id

    def _digest(self, secret: SecretStr | None) -> bytes:
        token = secret.get_secret_value() if secret else ""
        return hmac.digest(self._key, token.encode(), "sha256")
