"""What all calls of one `CodeMode` share."""

from __future__ import annotations

from collections.abc import Sequence
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
from pymode.tools.toolbox import Toolbox


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is known once the documents are loaded.

    Args:
        image: the sandbox image of the documents.
        base_urls: the base URL of each API by its name; None if neither the document nor the user
            names one.
    """

    image: Image
    base_urls: dict[str, str | None]


@dataclass(slots=True)
class Shared:
    """What all calls share.

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
        prepared: what is known of the documents; None before `Service.prepare`.
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
    prepared: Prepared | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all namespaces, APIs first."""
        return (*(api.name for api in self.apis), *self.toolbox.sources)

    @property
    def on_demand(self) -> tuple[str, ...]:
        """The names whose values the guest asks for only if the code reads them."""
        return ("state", "tools") if self.toolbox.sources else ("state",)

    def find_base_url(self, api: OpenAPI) -> str:
        """Return the base URL of an API.

        Raises:
            ConfigError: neither the user nor the document names one.
        """
        known = self.prepared.base_urls[api.name] if self.prepared else api.base_url
        if known is None:
            msg = "the spec names no server; say where the API is with --base-url or base_url="
            raise ConfigError(msg)
        return known

    def find_owner(self, caller: Identity) -> bytes:
        """Return the digest under which results, state and approvals of a caller are kept."""
        base_urls = self.prepared.base_urls if self.prepared else {}
        places = [f"{name} {base_url}" for name, base_url in base_urls.items()]
        return find_owner(caller.owner_secret, " ".join([*places, *self.toolbox.sources]))

    def find_kept(self, caller: Identity, *, keep: bool) -> KeptResults:
        """Return the kept results of a caller; none if the caller keeps nothing."""
        results = Results(self.database, redact=caller.redactor.clean)
        owner = self.find_owner(caller) if keep else None
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
