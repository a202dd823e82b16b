"""The contents of the simulated accounts, in memory only."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from starlette.requests import Request

from pymode.simulator import seed
from pymode.simulator.envelope import Json, Refusal
from pymode.simulator.routes import read_id

# Older ones are dropped, so that memory stays bounded in a long benchmark.
MAX_RECORDED_REQUESTS = 10_000


@dataclass
class Zone:
    """One zone: `facts` is its object in the API's form, the other fields are by id."""

    facts: Json
    settings: dict[str, Json]
    dns_records: dict[str, Json] = field(default_factory=dict)
    rulesets: dict[str, Json] = field(default_factory=dict)
    routes: dict[str, Json] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The domain name."""
        return str(self.facts["name"])


@dataclass
class Script:
    """One Worker: its listing entry, its settings and its main module."""

    facts: Json
    settings: Json
    content: bytes


@dataclass
class Value:
    """One value of a KV namespace; `expiration` is in seconds since the epoch."""

    body: bytes
    metadata: Any = None
    expiration: int | None = None


@dataclass
class Namespace:
    """One KV namespace."""

    facts: Json
    values: dict[str, Value] = field(default_factory=dict)


@dataclass
class Account:
    """One account: scripts are by name, the other contents by id."""

    facts: Json
    rulesets: dict[str, Json] = field(default_factory=dict)
    scripts: dict[str, Script] = field(default_factory=dict)
    namespaces: dict[str, Namespace] = field(default_factory=dict)


@dataclass(frozen=True)
class Access:
    """The rights of a token: the ids of the accounts that it sees, and whether it may write."""

    account_ids: tuple[str, ...]
    writes: bool


@dataclass
class RateLimit:
    """After `requests` requests, the next `refusals` get 429, and so on; 0 turns it off.

    It counts requests instead of seconds, so that it acts at the same request in every test run.
    """

    requests: int = 0
    refusals: int = 1
    seen: int = 0

    def refuses(self) -> bool:
        """Count one request, and return whether to refuse it."""
        if self.requests <= 0:
            return False
        position = self.seen % (self.requests + self.refusals)
        self.seen += 1
        return position >= self.requests


@dataclass
class Traffic:
    """The recorded requests, and how many were in flight at once."""

    requests: deque[Json] = field(default_factory=lambda: deque(maxlen=MAX_RECORDED_REQUESTS))
    count: int = 0
    in_flight: int = 0
    max_in_flight: int = 0

    def clear(self) -> None:
        """Clear the record; requests that are in flight still count as such."""
        self.requests.clear()
        self.max_in_flight = self.in_flight


@dataclass
class State:
    """The whole state of one simulated API.

    Args:
        accounts: by id; every token sees the first, only `simulated-two-accounts` sees the second.
        zones: by id.
        latency_seconds: how long every API request waits for its answer.
        rate_limit: which requests get 429.
    """

    accounts: dict[str, Account] = field(default_factory=dict)
    zones: dict[str, Zone] = field(default_factory=dict)
    latency_seconds: float = 0.0
    rate_limit: RateLimit = field(default_factory=RateLimit)
    traffic: Traffic = field(default_factory=Traffic)
    writes: int = 0

    @classmethod
    def seeded(
        cls,
        *,
        zones: int = 6,
        latency_seconds: float = 0.0,
        rate_limit: int = 0,
        rate_limit_refusals: int = 1,
    ) -> State:
        """Return a state with two accounts and `zones` zones in the first, always the same.

        Args:
            zones: how many zones the first account has; the second has one of its own.
            latency_seconds: how long every API request waits.
            rate_limit: how many requests are answered before some get 429; 0 turns it off.
            rate_limit_refusals: how many requests in a row are then refused.
        """
        state = cls(
            latency_seconds=latency_seconds,
            rate_limit=RateLimit(rate_limit, rate_limit_refusals),
        )
        first, second = (state.add_account(facts) for facts in seed.accounts())
        for index in range(zones):
            state.seed_zone(first, index)
        state.seed_zone(second, zones, name="second-account.example")
        return state

    def add_account(self, facts: Json) -> Account:
        """Add an account with its rulesets, Workers and KV namespaces."""
        account = Account(facts, rulesets=seed.account_rulesets(facts["id"]))
        for script, settings, content in seed.scripts(facts["id"]):
            account.scripts[script["id"]] = Script(script, settings, content)
        for namespace, pairs in seed.namespaces(facts["id"]):
            values = {key: Value(body, metadata) for key, body, metadata in pairs}
            account.namespaces[namespace["id"]] = Namespace(namespace, values)
        self.accounts[facts["id"]] = account
        return account

    def seed_zone(self, account: Account, index: int, name: str | None = None) -> Zone:
        """Add the zone with this index and its contents to an account."""
        facts = seed.zone(account.facts, index, name)
        zone = Zone(
            facts,
            settings=seed.zone_settings(facts["name"]),
            dns_records=seed.dns_records(facts, index),
            rulesets=seed.zone_rulesets(facts["name"], index),
            routes=seed.routes(facts["name"], index),
        )
        self.zones[facts["id"]] = zone
        return zone

    def new_id(self, kind: str) -> str:
        """Return the next id: 32 hex digits, the same in every run."""
        self.writes += 1
        return seed.identifier("new", kind, self.writes)

    def now(self) -> str:
        """Return the simulated time, which advances by one second with every write."""
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.writes)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def state_of(request: Request) -> State:
    """Return the state that the request's app serves."""
    return cast(State, request.scope["simulator_state"])


def access_of(request: Request) -> Access:
    """Return what the request's token may do."""
    return cast(Access, request.scope["simulator_access"])


def account_of(request: Request) -> Account:
    """Return the account that the path names.

    Raises:
        Refusal: the id is malformed, or the token does not see such an account.
    """
    account_id = read_id(request, "account_id")
    if account_id not in access_of(request).account_ids:
        raise Refusal(403, (10000, "Authentication error"))
    return state_of(request).accounts[account_id]


def zones_of(request: Request) -> list[Zone]:
    """Return the zones that the request's token sees."""
    seen = access_of(request).account_ids
    return [
        zone for zone in state_of(request).zones.values() if zone.facts["account"]["id"] in seen
    ]


def zone_of(request: Request) -> Zone:
    """Return the zone that the path names.

    Raises:
        Refusal: the id is malformed, or the token does not see such a zone.
    """
    zone_id = read_id(request, "zone_id")
    zone = state_of(request).zones.get(zone_id)
    if zone is None or zone.facts["account"]["id"] not in access_of(request).account_ids:
        raise Refusal(404, (1001, "Invalid zone identifier"))
    return zone
