"""Zones, their settings and their cache."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pymode.simulator import seed
from pymode.simulator.envelope import (
    Json,
    PageSizes,
    Refusal,
    answer,
    answer_page,
    read_object,
)
from pymode.simulator.routes import Routes
from pymode.simulator.state import Zone, access_of, state_of, zone_of, zones_of

ZONE_PAGES = PageSizes(default=20, minimum=5, maximum=50)
STATUSES = ("initializing", "pending", "active", "moved")
DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{1,62}")
# A filter may start with one of these and a colon, as in `name=contains:shop`.
NAME_FILTERS: dict[str, Callable[[str, str], bool]] = {
    "equal": lambda name, wanted: name == wanted,
    "not_equal": lambda name, wanted: name != wanted,
    "contains": lambda name, wanted: wanted in name,
    "starts_with": lambda name, wanted: name.startswith(wanted),
    "ends_with": lambda name, wanted: name.endswith(wanted),
}
ROUTES = Routes("/zones")


def matches_name(name: str, wanted: str) -> bool:
    """Return whether a name passes a filter such as `example.com` or `contains:shop`."""
    operator, colon, text = wanted.partition(":")
    if colon and operator in NAME_FILTERS:
        return NAME_FILTERS[operator](name.lower(), text.lower())
    return name.lower() == wanted.lower()


def sort_key(order: str) -> Callable[[Json], str]:
    """Return the sort key for an order such as `name` or `account.id`."""
    head, _, tail = order.partition(".")
    return lambda facts: str(facts[head][tail] if tail else facts[head])


@ROUTES("GET")
async def _list_zones(request: Request) -> Response:
    query = request.query_params
    status = query.get("status")
    if status is not None and status not in STATUSES:
        raise Refusal(400, (1021, f"Invalid zone status: {status}"))
    order = query.get("order", "name")
    if order not in ("name", "status", "account.id", "account.name"):
        raise Refusal(400, (1070, f"Invalid 'order': {order}"))
    tests: list[Callable[[Json], bool]] = []
    if status is not None:
        tests.append(lambda facts: facts["status"] == status)
    if "name" in query:
        tests.append(lambda facts: matches_name(facts["name"], query["name"]))
    if "account.id" in query:
        tests.append(lambda facts: facts["account"]["id"] == query["account.id"])
    if "account.name" in query:
        tests.append(lambda facts: matches_name(facts["account"]["name"], query["account.name"]))
    combine = any if query.get("match") == "any" and tests else all
    zones = [
        zone.facts for zone in zones_of(request) if combine(test(zone.facts) for test in tests)
    ]
    zones.sort(key=sort_key(order), reverse=query.get("direction") == "desc")
    return answer_page(request, zones, ZONE_PAGES)


@ROUTES("POST")
async def _create_zone(request: Request) -> Response:
    state = state_of(request)
    body = await read_object(request)
    name = body.get("name")
    if not isinstance(name, str) or not DOMAIN.fullmatch(name.lower()):
        raise Refusal(400, (1049, f"{name} is not a registered domain"))
    if body.get("type", "full") not in ("full", "partial", "secondary"):
        raise Refusal(400, (1029, "Invalid value for 'type': full, partial or secondary"))
    account = body.get("account")
    account_id = (
        account.get("id") if isinstance(account, dict) else access_of(request).account_ids[0]
    )
    if account_id not in access_of(request).account_ids:
        raise Refusal(403, (1068, "Permission denied: no such account"))
    name = name.lower()
    if any(zone.name == name for zone in state.zones.values()):
        raise Refusal(400, (1061, f"{name} already exists"))
    zone_id = state.new_id("zone")
    # Index 2 of the seed is a pending zone on the free plan, which every new zone is.
    facts = seed.zone(state.accounts[account_id].facts, 2, name) | {
        "id": zone_id,
        "type": body.get("type", "full"),
        "created_on": state.now(),
        "modified_on": state.now(),
    }
    settings = {name: seed.setting(name, values[0]) for name, values in seed.SETTINGS.items()}
    state.zones[zone_id] = Zone(facts, settings, rulesets=seed.managed_rulesets())
    return answer(facts)


@ROUTES("GET", "/{zone_id}")
async def _get_zone(request: Request) -> Response:
    return answer(zone_of(request).facts)


@ROUTES("PATCH", "/{zone_id}")
async def _edit_zone(request: Request) -> Response:
    """Change one property; the real API takes only one at a time."""
    zone = zone_of(request)
    body = await read_object(request)
    known = {"paused": bool, "type": str, "vanity_name_servers": list}
    if len(body) != 1 or not body.keys() <= known.keys():
        raise Refusal(400, (1015, f"Exactly one of {', '.join(known)} can be changed at a time"))
    (name, value), *_ = body.items()
    if not isinstance(value, known[name]):
        raise Refusal(400, (1015, f"Invalid value for '{name}'"))
    zone.facts |= {name: value, "modified_on": state_of(request).now()}
    return answer(zone.facts)


@ROUTES("DELETE", "/{zone_id}")
async def _delete_zone(request: Request) -> Response:
    zone_id = zone_of(request).facts["id"]
    del state_of(request).zones[zone_id]
    return answer({"id": zone_id})


@ROUTES("POST", "/{zone_id}/purge_cache")
async def _purge_cache(request: Request) -> Response:
    zone = zone_of(request)
    body = await read_object(request)
    lists = [body[key] for key in ("files", "tags", "hosts", "prefixes") if key in body]
    if body.get("purge_everything") is not True and not lists:
        raise Refusal(
            400, (1012, "Request must contain one of 'purge_everything', 'files', 'tags', 'hosts'")
        )
    for items in lists:
        if not isinstance(items, list) or not 1 <= len(items) <= 30:
            raise Refusal(400, (1094, "A purge names 1 to 30 items in a list"))
    return answer({"id": zone.facts["id"]})


def change_setting(zone: Zone, name: str, value: Any, moment: str) -> Json:
    """Set one setting of a zone and return it.

    Raises:
        Refusal: there is no such setting, or it cannot take this value.
    """
    if name not in zone.settings:
        raise Refusal(400, (1006, f"Undefined zone setting: {name}"))
    # `in` would take true for 1, which are equal in Python but not in JSON.
    if isinstance(value, bool) or value not in seed.SETTINGS[name]:
        raise Refusal(400, (1007, f"Invalid value for zone setting {name}"))
    zone.settings[name] |= {"value": value, "modified_on": moment}
    return zone.settings[name]


@ROUTES("GET", "/{zone_id}/settings")
async def _list_settings(request: Request) -> Response:
    return answer(list(zone_of(request).settings.values()))


@ROUTES("PATCH", "/{zone_id}/settings")
async def _edit_settings(request: Request) -> Response:
    """Change several settings at once."""
    zone = zone_of(request)
    items = (await read_object(request)).get("items")
    if not isinstance(items, list) or not all(
        isinstance(item, dict) and isinstance(item.get("id"), str) for item in items
    ):
        raise Refusal(400, (1008, "'items' must be a list of objects with 'id' and 'value'"))
    moment = state_of(request).now()
    changed = [change_setting(zone, item["id"], item.get("value"), moment) for item in items]
    return answer(changed)


@ROUTES("GET", "/{zone_id}/settings/{setting_id}")
async def _get_setting(request: Request) -> Response:
    zone = zone_of(request)
    name = request.path_params["setting_id"]
    if name not in zone.settings:
        raise Refusal(400, (1006, f"Undefined zone setting: {name}"))
    return answer(zone.settings[name])


@ROUTES("PATCH", "/{zone_id}/settings/{setting_id}")
async def _edit_setting(request: Request) -> Response:
    zone = zone_of(request)
    body = await read_object(request)
    name = request.path_params["setting_id"]
    return answer(change_setting(zone, name, body.get("value"), state_of(request).now()))
