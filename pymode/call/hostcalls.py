"""What the host answers when the code of a call asks it for something."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from pymode.actions import Namespace
from pymode.apis.accounts import KnownAccounts
from pymode.apis.host import OpenAPIHost, Traffic
from pymode.call import state
from pymode.errors import HostCallError
from pymode.limits import Limits
from pymode.protocol import targets
from pymode.protocol.replies import Failure, FailureKind, Value
from pymode.tools import toolbox


@dataclass(frozen=True, slots=True)
class Account:
    """Where the account of a call is looked up, when the code wants it.

    Args:
        host: the API whose account it is.
        known: where a found account is kept for the next call.
        secret: the token of the call.
    """

    host: OpenAPIHost
    known: KnownAccounts
    secret: SecretStr | None

    async def answer(self) -> str:
        """The reply to the guest."""
        try:
            account_id = await self.host.account_id()
        except HostCallError as error:
            return Failure(FailureKind.ACCOUNT, str(error)).write()
        # A token that is made anew for each call may be another one in the next.
        if self.secret is not None:
            self.known.put(self.secret, account_id)
        return Value(json.dumps(account_id)).write()


@dataclass(frozen=True, slots=True)
class HostCalls:
    """Answers the host calls of one call.

    Args:
        tools: what it can be told about tools.
        states: where its session's state is kept.
        session: None for a caller without one.
        reply_bytes: the most that a description of all tools may have.
        hosts: what the code may call, by name; nothing in a search.
        account: of an execution with an API.
        limits: of the call; `traffic_bytes` is for tools, their descriptions and state together.
        traffic: what they have had; the APIs of the call may count theirs in it as well.
    """

    tools: toolbox.Toolbox
    states: state.States
    session: state.Session | None
    reply_bytes: int
    hosts: Mapping[str, Namespace] = field(default_factory=dict)
    account: Account | None = None
    limits: Limits = field(default_factory=Limits)
    traffic: Traffic = field(default_factory=Traffic)

    async def __call__(self, target: str, payload: str) -> str:
        """Return the reply to one host call."""
        host = self.hosts.get(target)
        if isinstance(host, OpenAPIHost):
            # It counts its own traffic.
            return await host.request(payload)
        most = self.limits.traffic_bytes
        if self.traffic.size_bytes + len(payload) > most:
            return _refuse(
                f"what this call has sent and received has over {most:,} characters "
                "together; ask for fewer or smaller things, or spread the work over several calls"
            )
        self.traffic.size_bytes += len(payload)
        reply = await self._answer(target, payload)
        self.traffic.size_bytes += len(reply)
        return reply

    async def _answer(self, target: str, payload: str) -> str:
        if target in self.hosts:
            return await self.hosts[target].request(payload)
        if target == targets.TOOLS:
            return await self.tools.answer(payload, self.reply_bytes)
        if target == targets.STATE:
            return self.states.answer(self.session, payload)
        if self.account is not None and target == targets.account_id(self.account.host.name):
            return await self.account.answer()
        return _refuse(f"there is no {target[:100]!r} in this call")


def _refuse(message: str) -> str:
    return Failure(FailureKind.REFUSED, message).write()
