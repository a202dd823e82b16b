"""What the simulated accounts hold, all of it in memory."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from starlette.requests import Request

from pymode.simulator import seed
from pymode.simulator.envelope import Json, Refusal
from pymode.simulator.routes import read_id

# The oldest are forgotten, so that a long benchmark does not grow without end.
MAX_RECORDED_REQUESTS = 10_000


@dataclass
class Zone:
    """One zone; `facts` is what the API answers for it, the rest is keyed by id."""

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
    """One account; scripts by name, the rest by id."""

    facts: Json
    rulesets: dict[str, Json] = field(default_factory=dict)
    scripts: dict[str, Script] = field(default_factory=dict)
    namespaces: dict[str, Namespace] = field(default_factory=dict)


@dataclass(frozen=True)
class Access:
    """What a token may do: the ids of the accounts that it sees, and whether it may write."""

    account_ids: tuple[str, ...]
    writes: bool


@dataclass
class RateLimit:
    """After every `requests` requests the next `refusals` are answered 429; 0 turns it off.

    It counts requests, not seconds, so that a test always meets it at the same place.
    """

    requests: int = 0
    refusals: int = 1
    seen: int = 0

    def refuses(self) -> bool:
        """Count one request and say whether it has to be refused."""
        if self.requests <= 0:
            return False
        position = self.seen % (self.requests + self.refusals)
        self.seen += 1
        return position >= self.requests


@dataclass
class Traffic:
    """The requests seen so far, and how many were in flight at once."""

    requests: deque[Json] = field(default_factory=lambda: deque(maxlen=MAX_RECORDED_REQUESTS))
    count: int = 0
    in_flight: int = 0
    max_in_flight: int = 0

    def clear(self) -> None:
        """Forget what was seen; requests still in flight stay counted."""
        self.requests.clear()
        self.max_in_flight = self.in_flight


@dataclass
class State:
    """Everything that one simulated API knows.

    Args:
        accounts: by id; the first is seen by every token, the second only by
            `simulated-two-accounts`.
        zones: by id.
        latency_seconds: how long every API request waits before it is answered.
        rate_limit: when to answer 429.
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
            rate_limit: requests between refusals, 0 for none.
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
        """Add the zone with this index, with everything in it, to an account."""
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
        """Return the simulated time, which moves one second with every new id."""
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
        Refusal: the id is not one, or the token does not see that account.
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
        Refusal: the id is not one, or the token does not see such a zone.
    """
    zone_id = read_id(request, "zone_id")
    zone = state_of(request).zones.get(zone_id)
    if zone is None or zone.facts["account"]["id"] not in access_of(request).account_ids:
        raise Refusal(404, (1001, "Invalid zone identifier"))
    return zone
