"""POST /graphql: a few analytics datasets over 30 fixed days."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pymode.simulator import seed
from pymode.simulator.envelope import Json, read_object, respond
from pymode.simulator.graphql_query import Field, QueryError, read_query
from pymode.simulator.routes import Routes
from pymode.simulator.state import Zone, access_of, state_of, zones_of

FIRST_DAY = date(2025, 12, 1)
DAYS = 30
MAX_ROWS = 10_000
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "": lambda value, wanted: value == wanted,
    "neq": lambda value, wanted: value != wanted,
    "gt": lambda value, wanted: value > wanted,
    "geq": lambda value, wanted: value >= wanted,
    "lt": lambda value, wanted: value < wanted,
    "leq": lambda value, wanted: value <= wanted,
    "in": lambda value, wanted: value in wanted,
}
ROUTES = Routes()


def count(maximum: int, *parts: object) -> int:
    """Return a number from 0 to `maximum` that depends only on `parts`."""
    return int(seed.identifier("count", *parts)[:12], 16) % (maximum + 1)


def daily_requests(zone: Zone) -> list[Json]:
    """Return the rows of httpRequests1dGroups: one for each day, oldest first."""
    rows = []
    for number in range(DAYS):
        requests = 1000 + count(9000, zone.name, "requests", number)
        threats = count(20, zone.name, "threats", number)
        rows.append(
            {
                "dimensions": {"date": (FIRST_DAY + timedelta(days=number)).isoformat()},
                "sum": {
                    "requests": requests,
                    "bytes": requests * 2048,
                    "cachedRequests": requests // 2,
                    "cachedBytes": requests * 1024,
                    "threats": threats,
                    "pageViews": requests // 4,
                },
                "uniq": {"uniques": requests // 10},
            }
        )
    return rows


def firewall_events(zone: Zone) -> list[Json]:
    """Return the rows of firewallEventsAdaptiveGroups: one for each action."""
    actions = ("block", "managed_challenge", "log")
    return [
        {"count": count(500, zone.name, action), "dimensions": {"action": action}}
        for action in actions
    ]


def worker_invocations(scripts: Iterable[str]) -> list[Json]:
    """Return the rows of workersInvocationsAdaptive: one for each script."""
    return [
        {
            "sum": {"requests": count(10_000, name), "errors": count(50, name, "errors")},
            "dimensions": {"scriptName": name},
        }
        for name in scripts
    ]


def flatten(row: Json) -> Json:
    """Return a row without its groups: each value by its own name."""
    flat: Json = {}
    for name, value in row.items():
        flat |= value if isinstance(value, dict) else {name: value}
    return flat


def choose_rows(rows: list[Json], arguments: Json, path: list[str]) -> list[Json]:
    """Return the rows that `filter`, `orderBy` and `limit` select.

    Raises:
        QueryError: one of them names an unknown field or has a wrong value.
    """
    limit = arguments.get("limit", MAX_ROWS)
    if isinstance(limit, bool) or not isinstance(limit, int) or not 0 < limit <= MAX_ROWS:
        message = f"limit must be positive number and not greater than {MAX_ROWS}"
        raise QueryError(message, path)
    known = flatten(rows[0]) if rows else {}
    conditions = arguments.get("filter") or {}
    if not isinstance(conditions, dict):
        raise QueryError("error parsing args for filter", path)
    for condition, wanted in conditions.items():
        name, _, operator = condition.partition("_")
        if rows and (name not in known or operator not in OPERATORS):
            raise QueryError(f"unknown arg {condition}", path)
        try:
            rows = [row for row in rows if OPERATORS[operator](flatten(row)[name], wanted)]
        except TypeError:
            raise QueryError(f"error parsing args for {condition}", path) from None
    orders = arguments.get("orderBy") or []
    for order in reversed(orders if isinstance(orders, list) else [orders]):
        # `sum_requests_DESC` has a group before the field, `date_ASC` has none.
        *_, name, direction = ["", *str(order).split("_")]
        if known and (name not in known or direction not in ("ASC", "DESC")):
            raise QueryError(f"unknown orderBy {order}", path)
        rows = sorted(rows, key=lambda row: flatten(row)[name], reverse=direction == "DESC")
    return rows[:limit]


def project(row: Json, fields: list[Field], path: list[str]) -> Json:
    """Return the selected fields of a row.

    Raises:
        QueryError: the row has no such field, or the field needs or forbids selections.
    """
    chosen: Json = {}
    for field in fields:
        here = [*path, field.key]
        if field.name not in row:
            raise QueryError(f'unknown field "{field.name}"', here)
        value = row[field.name]
        if isinstance(value, dict) != bool(field.selections):
            verb = "need" if isinstance(value, dict) else "must not have"
            raise QueryError(f"{field.name}: fields of this kind {verb} selections", here)
        chosen[field.key] = project(value, field.selections, here) if field.selections else value
    return chosen


class Answerer:
    """Answers one query.

    A dataset that fails alone becomes null, and `errors` gets its error, as in the real API.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.errors: list[Json] = []

    def run(self, fields: list[Field]) -> Json:
        """Return `data`.

        Raises:
            QueryError: nothing can be answered.
        """
        data: Json = {}
        for field in fields:
            if field.name != "viewer":
                raise QueryError(f'unknown field "{field.name}"', [field.key])
            data[field.key] = self.view(field)
        return data

    def view(self, viewer: Field) -> Json:
        """Return the viewer, with its zones and accounts."""
        answer: Json = {}
        for field in viewer.selections:
            path = [viewer.key, field.key]
            wanted = field.arguments.get("filter")
            wanted = wanted if isinstance(wanted, dict) else {}
            if field.name == "zones":
                answer[field.key] = self.zones(field, wanted, path)
            elif field.name == "accounts":
                answer[field.key] = self.accounts(field, wanted, path)
            else:
                raise QueryError(f'unknown field "{field.name}"', path)
        return answer

    def zones(self, field: Field, wanted: Json, path: list[str]) -> list[Json]:
        """Return the zones that the filter names, each with its datasets."""
        tags = wanted.get("zoneTag_in") or [wanted.get("zoneTag")]
        tags = [str(tag) for tag in tags] if isinstance(tags, list) else [str(tags)]
        seen = {zone.facts["id"]: zone for zone in zones_of(self.request)}
        answer = []
        for number, tag in enumerate(tags):
            if tag not in seen:
                raise QueryError(f"zone {tag} is not authorized for this token", path)
            zone = seen[tag]
            datasets = {
                "httpRequests1dGroups": daily_requests,
                "firewallEventsAdaptiveGroups": firewall_events,
            }
            rows: Json = {"zoneTag": tag}
            for name, make in datasets.items():
                rows[name] = lambda make=make, zone=zone: make(zone)
            if zone.facts["plan"]["name"] == "Free Website":
                rows["firewallEventsAdaptiveGroups"] = None
            answer.append(self.datasets(rows, field, [*path, str(number)]))
        return answer

    def accounts(self, field: Field, wanted: Json, path: list[str]) -> list[Json]:
        """Return the account that the filter names, with its datasets."""
        tag = str(wanted.get("accountTag"))
        if tag not in access_of(self.request).account_ids:
            raise QueryError(f"account {tag} is not authorized for this token", path)
        scripts = state_of(self.request).accounts[tag].scripts
        rows: Json = {
            "accountTag": tag,
            "workersInvocationsAdaptive": lambda: worker_invocations(scripts),
        }
        return [self.datasets(rows, field, [*path, "0"])]

    def datasets(self, rows: Json, owner: Field, path: list[str]) -> Json:
        """Return the selected datasets of one zone or account.

        Args:
            rows: by name, text, a function that returns rows, or None for a dataset that the plan
                lacks.
            owner: the field whose selections are answered.
            path: of that field in the answer.
        """
        answer: Json = {}
        for field in owner.selections:
            here = [*path, field.key]
            if field.name not in rows:
                raise QueryError(f'unknown field "{field.name}"', here)
            source = rows[field.name]
            if source is None:
                message = f"zone '{rows['zoneTag']}' does not have access to the path"
                self.errors.append({"message": message, "path": here, "extensions": _extensions()})
                answer[field.key] = None
            elif isinstance(source, str):
                answer[field.key] = source
            else:
                chosen = choose_rows(source(), field.arguments, here)
                answer[field.key] = [project(row, field.selections, here) for row in chosen]
        return answer


def _extensions() -> Json:
    return {"timestamp": "2026-01-01T00:00:00.000000000Z"}


@ROUTES("POST", "/graphql")
async def _query(request: Request) -> Response:
    """Answer 200 in every case: errors are in the body."""
    body = await read_object(request)
    text, variables = body.get("query"), body.get("variables")
    answerer = Answerer(request)
    try:
        if not isinstance(text, str):
            raise QueryError("the body has no 'query'")
        fields = read_query(text, variables if isinstance(variables, dict) else {})
        data = answerer.run(fields)
    except QueryError as error:
        problem = {"message": error.message, "path": error.path, "extensions": _extensions()}
        return respond({"data": None, "errors": [problem]})
    return respond({"data": data, "errors": answerer.errors or None})
