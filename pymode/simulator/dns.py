"""DNS records of a zone, with Cloudflare's checks and error codes."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from pymode.simulator import seed
from pymode.simulator.envelope import (
    Json,
    PageSizes,
    Refusal,
    answer,
    answer_page,
    read_object,
)
from pymode.simulator.routes import Routes, read_id
from pymode.simulator.state import Zone, state_of, zone_of

RECORD_PAGES = PageSizes(default=100, minimum=1, maximum=5_000_000)
TYPES = (
    *("A", "AAAA", "CAA", "CERT", "CNAME", "DNSKEY", "DS", "HTTPS", "LOC", "MX", "NAPTR", "NS"),
    *("PTR", "SMIMEA", "SRV", "SSHFP", "SVCB", "TLSA", "TXT", "URI"),
)
ORDERS = ("type", "name", "content", "ttl", "proxied")
MATCHERS: dict[str, Callable[[str, str], bool]] = {
    "": lambda text, wanted: text == wanted,
    "exact": lambda text, wanted: text == wanted,
    "contains": lambda text, wanted: wanted in text,
    "startswith": lambda text, wanted: text.startswith(wanted),
    "endswith": lambda text, wanted: text.endswith(wanted),
}
CHANGEABLE = ("type", "name", "content", "ttl", "proxied", "priority", "comment", "tags", "data")
ROUTES = Routes("/zones/{zone_id}/dns_records")


def filters_of(request: Request) -> list[Callable[[Json], bool]]:
    """Return a test of a record for each filter in the query.

    Raises:
        Refusal: the query filters by an unknown record type.
    """
    tests: list[Callable[[Json], bool]] = []
    for key, wanted in request.query_params.multi_items():
        name, _, operator = key.partition(".")
        if key == "type":
            if wanted.upper() not in TYPES:
                raise Refusal(400, (9000, f"Invalid record type in filter: {wanted}"))
            tests.append(_equals("type", wanted.upper()))
        elif key == "proxied":
            tests.append(_equals("proxied", wanted == "true"))
        elif key == "search":
            tests.append(_mentions(wanted.lower()))
        elif key in ("comment.present", "comment.absent"):
            tests.append(_has_comment(operator == "present"))
        elif name in ("name", "content", "comment") and operator in MATCHERS:
            tests.append(_matches(name, operator, wanted.lower()))
    return tests


def _equals(name: str, wanted: object) -> Callable[[Json], bool]:
    return lambda record: bool(record[name] == wanted)


def _has_comment(wanted: bool) -> Callable[[Json], bool]:
    return lambda record: bool(record["comment"]) == wanted


def _mentions(wanted: str) -> Callable[[Json], bool]:
    return lambda record: any(
        wanted in str(record[key] or "").lower() for key in ("name", "content", "comment")
    )


def _matches(name: str, operator: str, wanted: str) -> Callable[[Json], bool]:
    match = MATCHERS[operator]
    return lambda record: match((record[name] or "").lower(), wanted)


@ROUTES("GET")
async def _list_records(request: Request) -> Response:
    zone = zone_of(request)
    query = request.query_params
    order = query.get("order", "type")
    direction = query.get("direction", "asc")
    if order not in ORDERS or direction not in ("asc", "desc"):
        raise Refusal(400, (9000, f"Invalid 'order' or 'direction'; order by {', '.join(ORDERS)}"))
    tests = filters_of(request)
    combine = any if query.get("match") == "any" and tests else all
    records = [
        record for record in zone.dns_records.values() if combine(test(record) for test in tests)
    ]
    records.sort(
        key=lambda record: (record[order], record["name"], record["content"]),
        reverse=direction == "desc",
    )
    return answer_page(request, records, RECORD_PAGES)


def check_content(kind: str, content: str) -> str:
    """Return the content of a record in its normal form.

    Raises:
        Refusal: a record of this type cannot have this content.
    """
    checks: dict[str, tuple[Callable[[str], object], int, str]] = {
        "A": (ipaddress.IPv4Address, 9005, "a valid IPv4 address"),
        "AAAA": (ipaddress.IPv6Address, 9006, "a valid IPv6 address"),
    }
    if kind in checks:
        parse, code, wanted = checks[kind]
        try:
            return str(parse(content))
        except ValueError:
            raise Refusal(400, (code, f"Content for {kind} record must be {wanted}.")) from None
    if kind in ("CNAME", "MX", "NS", "PTR"):
        host = content.lower().rstrip(".")
        if not host or any(letter in host for letter in " /:@") or _is_address(host):
            codes = {"CNAME": 9007, "MX": 9009, "NS": 9008, "PTR": 9010}
            raise Refusal(400, (codes[kind], f"Content for {kind} record is invalid."))
        return host
    return content


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def full_name(name: str, zone_name: str) -> str:
    """Return the full name of a record; `@` is the zone, other names are below it."""
    name = name.lower().rstrip(".")
    if name in ("@", "", zone_name):
        return zone_name
    return name if name.endswith(f".{zone_name}") else f"{name}.{zone_name}"


def check_record(facts: Json, zone: Zone) -> Json:
    """Return the checked fields of a record.

    Args:
        facts: what the caller sent; in a PATCH, merged with the old record.
        zone: the record's zone.

    Raises:
        Refusal: a field is missing or cannot have its value.
    """
    kind = facts.get("type")
    if kind not in TYPES:
        raise Refusal(400, (9002, f"Invalid record type: {kind}"))
    name = facts.get("name")
    if not isinstance(name, str) or len(name) > 255 or " " in name:
        raise Refusal(400, (9000, "DNS name is invalid."))
    content = facts.get("content")
    if content is None and isinstance(facts.get("data"), dict):
        content = " ".join(str(part) for part in facts["data"].values())
    if not isinstance(content, str) or not content:
        raise Refusal(400, (9101, "content is a required data field."))
    checked: Json = {
        "type": kind,
        "name": full_name(name, zone.name),
        "content": check_content(kind, content),
        "proxiable": kind in ("A", "AAAA", "CNAME"),
        **_check_options(facts, kind),
    }
    if isinstance(facts.get("data"), dict):
        checked["data"] = facts["data"]
    return checked


def _check_options(facts: Json, kind: str) -> Json:
    proxied, ttl = facts.get("proxied", False), facts.get("ttl", 1)
    if not isinstance(proxied, bool):
        raise Refusal(400, (9003, "Invalid 'proxied' value, must be a boolean."))
    if proxied and kind not in ("A", "AAAA", "CNAME"):
        raise Refusal(400, (9004, "This record type cannot be proxied."))
    if isinstance(ttl, bool) or not isinstance(ttl, int) or not (ttl == 1 or 60 <= ttl <= 86400):
        raise Refusal(
            400, (9021, "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.")
        )
    comment, tags = facts.get("comment"), facts.get("tags") or []
    if not isinstance(comment, str | None) or not isinstance(tags, list):
        raise Refusal(400, (9207, "Request body is invalid: 'comment' or 'tags'."))
    # A proxied record resolves to Cloudflare's addresses, and Cloudflare sets their lifetime.
    options: Json = {
        "proxied": proxied,
        "ttl": 1 if proxied else ttl,
        "comment": comment,
        "tags": tags,
    }
    if kind == "MX":
        priority: Any = facts.get("priority")
        if isinstance(priority, bool) or not isinstance(priority, int):
            raise Refusal(400, (9101, "priority is a required data field."))
        options["priority"] = priority
    return options


def check_conflicts(record: Json, zone: Zone, own_id: str | None = None) -> None:
    """Check that a record can exist beside the others of its zone.

    Raises:
        Refusal: the zone has the same record, or one that excludes it.
    """
    addresses = ("A", "AAAA")
    for other in zone.dns_records.values():
        if other["id"] == own_id or other["name"] != record["name"]:
            continue
        if (other["type"], other["content"]) == (record["type"], record["content"]):
            if all(other[key] == record[key] for key in ("ttl", "proxied")):
                raise Refusal(400, (81058, "An identical record already exists."))
            raise Refusal(400, (81057, "The record already exists."))
        if record["type"] == "CNAME" and other["type"] in (*addresses, "CNAME"):
            raise Refusal(
                400, (81053, "An A, AAAA, or CNAME record with that host already exists.")
            )
        if record["type"] in addresses and other["type"] == "CNAME":
            raise Refusal(400, (81054, "A CNAME record with that host already exists."))


def record_of(request: Request, zone: Zone) -> Json:
    """Return the record that the path names.

    Raises:
        Refusal: there is no such record in this zone.
    """
    record_id = read_id(request, "dns_record_id")
    if record_id not in zone.dns_records:
        raise Refusal(404, (81044, "Record does not exist."))
    return zone.dns_records[record_id]


@ROUTES("POST")
async def _create_record(request: Request) -> Response:
    zone, state = zone_of(request), state_of(request)
    checked = check_record(await read_object(request), zone)
    check_conflicts(checked, zone)
    record_id = state.new_id("dns")
    record = seed.dns_record(
        zone.facts, checked.pop("type"), checked.pop("name"), checked.pop("content"), **checked
    )
    record |= {"id": record_id, "created_on": state.now(), "modified_on": state.now()}
    zone.dns_records[record_id] = record
    return answer(record)


# Before the route of one record, which would match `export`, too.
@ROUTES("GET", "/export")
async def _export_records(request: Request) -> Response:
    """Answer with a zone file, not JSON."""
    zone = zone_of(request)
    lines = [f";; Domain: {zone.name}."]
    for record in zone.dns_records.values():
        priority = f"{record['priority']} " if "priority" in record else ""
        lines.append(
            f"{record['name']}.\t{record['ttl']}\tIN\t{record['type']}\t{priority}"
            f"{record['content']}"
        )
    return PlainTextResponse("\n".join(lines) + "\n")


@ROUTES("GET", "/{dns_record_id}")
async def _get_record(request: Request) -> Response:
    return answer(record_of(request, zone_of(request)))


@ROUTES("PATCH PUT", "/{dns_record_id}")
async def _change_record(request: Request) -> Response:
    """Change a record: PATCH keeps the fields that are not given, PUT resets them."""
    zone, state = zone_of(request), state_of(request)
    record = record_of(request, zone)
    body = await read_object(request)
    if request.method == "PATCH":
        body = {key: record[key] for key in CHANGEABLE if key in record} | body
    checked = check_record(body, zone)
    check_conflicts(checked, zone, own_id=record["id"])
    kept = {key: value for key, value in record.items() if key not in CHANGEABLE}
    state.writes += 1
    zone.dns_records[record["id"]] = kept | checked | {"modified_on": state.now()}
    return answer(zone.dns_records[record["id"]])


@ROUTES("DELETE", "/{dns_record_id}")
async def _delete_record(request: Request) -> Response:
    zone = zone_of(request)
    record_id = record_of(request, zone)["id"]
    del zone.dns_records[record_id]
    return answer({"id": record_id})
