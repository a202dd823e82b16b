"""Finds the account that a token sees, if it sees exactly one."""

from __future__ import annotations

import hmac
import json
import secrets
from dataclasses import dataclass

from pydantic import SecretStr

from pymode.actions.context import Context
from pymode.actions.layers import Layer
from pymode.apis.namespace import APIAnswer, APINamespace
from pymode.errors import HostCallError
from pymode.http.client import Response
from pymode.namespaces import token_variable
from pymode.policy.action import Request
from pymode.protocol import targets
from pymode.protocol.replies import Failure, FailureKind, Value

# The most that Cloudflare's API lists on one page.
ACCOUNTS = 50
MAX_ERROR_CHARS = 1000
KNOWN_TOKENS = 1000


@dataclass(frozen=True, slots=True)
class Account:
    """One account that a token sees."""

    id: str
    name: str


def read_accounts(response: Response) -> tuple[list[Account], int]:
    """Return the accounts on the first page of a list, and how many there are in all.

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
        raise HostCallError(": ".join([failed, *texts])[:MAX_ERROR_CHARS])
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


class AccountFinder:
    """Finds the account of one run, when the code reads `account_id`.

    Args:
        namespace: the namespace of the API whose account is looked for.
        handle: the first layer of that namespace.
        context: the context of the run.
        known: keeps a found account for later calls.
        secret: the token of the call; None if there is none, or if a function makes it anew.
    """

    def __init__(
        self,
        namespace: APINamespace,
        handle: Layer,
        context: Context,
        known: KnownAccounts,
        secret: SecretStr | None,
    ) -> None:
        self._namespace = namespace
        self._handle = handle
        self._context = context
        self._known = known
        self._secret = secret

    @property
    def target(self) -> str:
        """The name of the host call that asks for the account."""
        return targets.account_id(self._namespace.name)

    async def answer(self) -> str:
        """Return the reply to the guest."""
        try:
            account_id = await self._find()
        except HostCallError as error:
            return Failure(FailureKind.ACCOUNT, str(error)).write()
        # A token that is made anew for each call may be another one in the next.
        if self._secret is not None:
            self._known.put(self._secret, account_id)
        return Value(json.dumps(account_id)).write()

    async def _find(self) -> str:
        """Return the id of the only account that the token sees.

        Raises:
            HostCallError: the token sees no account or several, or the API cannot be asked.
        """
        namespace = self._namespace
        request = Request("GET", "/accounts", [("per_page", str(ACCOUNTS))])
        action = await namespace.prepare(request)
        # Through all layers: rules, approvals and the log hold for this request as well.
        answer: APIAnswer = await self._handle(action, self._context)
        response = answer.response
        if response.status == 404:
            raise HostCallError("this API has no accounts, so there is no account_id")
        if namespace.lacks_token(response):
            variable = token_variable(namespace.name)
            raise HostCallError(f"account_id is not known: no token was sent; set {variable}")
        accounts, total = read_accounts(response)
        if len(accounts) == 1 == total:
            return accounts[0].id
        choose = "pass the account_id argument, or start with --account-id"
        if not accounts:
            msg = f"account_id is not known: the token sees no account; {choose}"
            raise HostCallError(msg)
        lines = [f"  {account.name} ({account.id})" for account in accounts]
        if total > len(accounts):
            lines.append(f"  and {total - len(accounts)} more")
        msg = f"account_id is not known: the token sees {total} accounts; {choose}:\n"
        raise HostCallError(msg + "\n".join(lines))


class KnownAccounts:
    """Remembers the only account of each token, without keeping the token.

    Accounts are found by a digest of the token that only this process can compute.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._ids: dict[bytes, str] = {}

    def get(self, secret: SecretStr | None) -> str | None:
        """Return the account of a token, or None if it was not found before."""
        return self._ids.get(self._digest(secret))

    def put(self, secret: SecretStr | None, account_id: str) -> None:
        """Keep the account of a token."""
        if len(self._ids) >= KNOWN_TOKENS:
            self._ids.clear()
        self._ids[self._digest(secret)] = account_id

    def _digest(self, secret: SecretStr | None) -> bytes:
        token = secret.get_secret_value() if secret else ""
        return hmac.digest(self._key, token.encode(), "sha256")
