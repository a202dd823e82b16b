"""What the host answers when the code of a call asks it for something."""

from __future__ import annotations

import json

from pydantic import SecretStr

from pymode.errors import HostCallError
from pymode.hosts import Namespace
from pymode.hosts.accounts import KnownAccounts


class HostCalls:
    """Answers the host calls of one execution: requests, and the look-up of the account.

    Args:
        host: the API of the call.
        accounts: where a found account is kept for the next call.
        secret: the token of the call.
    """

    def __init__(self, host: Namespace, accounts: KnownAccounts, secret: SecretStr | None) -> None:
        self.host = host
        self._accounts = accounts
        self._secret = secret

    async def __call__(self, target: str, payload: str) -> str:
        """Return the reply to one host call."""
        if target == self.host.name:
            return await self.host.request(payload)
        if target == f"{self.host.name}.account_id":
            return await self._account_id()
        return await refuse(target, payload)

    async def _account_id(self) -> str:
        try:
            account_id = await self.host.account_id()
        except HostCallError as error:
            return json.dumps({"error": {"kind": "account", "message": str(error)}})
        self._accounts.put(self._secret, account_id)
        return json.dumps({"account_id": account_id})


async def refuse(target: str, _payload: str) -> str:
    """Answer a host call that this call does not have."""
    message = f"there is no {target[:100]!r} in this call"
    return json.dumps({"error": {"kind": "refused", "message": message}}) + "\n"
