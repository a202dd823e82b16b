"""What all calls of one `CodeMode` share, before and after the documents are loaded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pymode.apis.account import KnownAccounts
from pymode.apis.identity import Identity
from pymode.apis.openapi import OpenAPI
from pymode.call.kept import KeptResults, find_owner
from pymode.call.state import States
from pymode.errors import ConfigError
from pymode.http.client import Http
from pymode.limits import Limits
from pymode.log import Database, Log, Results
from pymode.log.approvals import Approvals
from pymode.policy.guard import Check, Guard
from pymode.policy.rules import Rules
from pymode.sandbox.image import Image
from pymode.sandbox.pool import Pool
from pymode.tools.toolbox import Toolbox


@dataclass(frozen=True, slots=True)
class Shared:
    """What is given to all calls, and known before a document is loaded.

    Args:
        apis: the APIs, in the order in which they were given.
        toolbox: the functions and MCP servers.
        limits: what each call may use.
        rules: the operator's rules, not yet bound to the documents.
        check: whether requests are checked by the documents; see `Guard`.
        database: holds the log, the kept results and the approvals by id.
        log: records calls and actions.
        approvals: the approvals by id; None without a database file, because another process could
            not give them.
        http: the connections to APIs.
        states: the states of all sessions.
        accounts: the accounts that were found, by token.
    """

    apis: tuple[OpenAPI, ...]
    toolbox: Toolbox
    limits: Limits
    rules: Rules
    check: Check
    database: Database
    log: Log
    approvals: Approvals | None
    http: Http
    states: States
    accounts: KnownAccounts = field(default_factory=KnownAccounts)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all namespaces, APIs first."""
        return (*(api.name for api in self.apis), *self.toolbox.sources)

    @property
    def on_demand(self) -> tuple[str, ...]:
        """The names whose values the guest asks for only if the code reads them."""
        return ("state", "tools") if self.toolbox.sources else ("state",)

    def find_kept(self, caller: Identity, owner: bytes | None) -> KeptResults:
        """Return the kept results of a caller.

        Args:
            caller: the credentials of the caller.
            owner: the digest under which the results are kept; None if the caller keeps nothing.
        """
        results = Results(self.database, redact=caller.redactor.clean)
        return KeptResults(results, owner, self.limits.result_bytes)


@dataclass(frozen=True, slots=True)
class Policy:
    """What judges the actions of an execution.

    Args:
        rules: the rules, bound to the documents.
        guards: the guard of each API, in the order of the APIs; none for a search.
    """

    rules: Rules
    guards: Sequence[Guard]


@dataclass(slots=True)
class Prepared:
    """What runs calls and is known of the APIs, once the documents are loaded.

    Other documents make another one: calls that have begun end with the one they began with.

    Args:
        image: the sandbox image of the documents.
        pool: the workers, each with the image.
        base_urls: the base URL of each API by its name; None if neither the document nor the user
            names one.
        tools: the names of the namespaces of tools.
    """

    image: Image
    pool: Pool
    base_urls: Mapping[str, str | None]
    tools: Sequence[str]
    _policy: Policy | None = field(default=None, init=False)
    _calls: int = field(default=0, init=False)
    _unused: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _is_closed: bool = field(default=False, init=False)

    async def find_policy(self, make: Callable[[Image], Awaitable[Policy]]) -> Policy:
        """Return what judges actions. The first call makes it, because that reads the documents."""
        if self._policy is None:
            self._policy = await make(self.image)
        return self._policy

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Count a call that uses the workers, from its start to its end."""
        self._calls += 1
        self._unused.clear()
        try:
            yield
        finally:
            self._calls -= 1
            if not self._calls:
                self._unused.set()

    async def retire(self) -> None:
        """Close once no call uses the workers any more; no call may begin meanwhile."""
        if self._calls:
            await self._unused.wait()
        await self.close()

    async def close(self) -> None:
        """End the workers, with the calls that they run; a second time does nothing."""
        if not self._is_closed:
            self._is_closed = True
            await self.pool.close()
            self.image.close()

    def find_base_url(self, api: str) -> str:
        """Return the base URL of an API.

        Raises:
            ConfigError: neither the user nor the document names one.
        """
        base_url = self.base_urls[api]
        if base_url is None:
            msg = "the spec names no server; say where the API is with --base-url or base_url="
            raise ConfigError(msg)
        return base_url

    def find_owner(self, caller: Identity) -> bytes:
        """Return the digest under which results, state and approvals of a caller are kept."""
        servers = [f"{name} {base_url}" for name, base_url in self.base_urls.items()]
        return find_owner(caller.owner_secret, " ".join([*servers, *self.tools]))
