"""Rulesets of a zone or an account: WAF, redirects, transforms, cache rules."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pymode.simulator import seed
from pymode.simulator.envelope import (
    Json,
    Refusal,
    answer,
    read_object,
)
from pymode.simulator.routes import Routes, read_id
from pymode.simulator.state import account_of, state_of, zone_of

PHASES = (
    *("ddos_l4", "ddos_l7", "http_config_settings", "http_custom_errors"),
    *("http_log_custom_fields", "http_ratelimit", "http_request_cache_settings"),
    *("http_request_dynamic_redirect", "http_request_firewall_custom"),
    *("http_request_firewall_managed", "http_request_late_transform", "http_request_origin"),
    *("http_request_redirect", "http_request_sanitize", "http_request_sbfm"),
    *("http_request_select_configuration", "http_request_transform"),
    *("http_response_compression", "http_response_firewall_managed"),
    *("http_response_headers_transform", "magic_transit", "magic_transit_ids_managed"),
    "magic_transit_managed",
)
ACTIONS = (
    *("block", "challenge", "compress_response", "execute", "force_connection_close"),
    *("js_challenge", "log", "log_custom_field", "managed_challenge", "redirect", "rewrite"),
    *("route", "score", "serve_error", "set_cache_settings", "set_config", "skip"),
)
ROUTES = Routes("/zones/{zone_id}/rulesets", "/accounts/{account_id}/rulesets")


def rulesets_of(request: Request) -> dict[str, Json]:
    """Return the rulesets of the zone or account that the path names."""
    if "zone_id" in request.path_params:
        return zone_of(request).rulesets
    return account_of(request).rulesets


def owner_kind(request: Request) -> str:
    """Return the kind that an entry point of the zone or account has: `zone` or `root`."""
    return "zone" if "zone_id" in request.path_params else "root"


def ruleset_of(request: Request, *, to_change: bool = False) -> Json:
    """Return the ruleset that the path names.

    Raises:
        Refusal: there is no such ruleset, or it is to change and is Cloudflare's own.
    """
    ruleset_id = read_id(request, "ruleset_id")
    ruleset = rulesets_of(request).get(ruleset_id)
    if ruleset is None:
        raise Refusal(404, (10001, f"could not find ruleset with id '{ruleset_id}'"))
    if to_change and ruleset["kind"] == "managed":
        raise Refusal(403, (20100, "managed rulesets cannot be changed"))
    return ruleset


def check_phase(phase: Any) -> str:
    """Return the phase.

    Raises:
        Refusal: there is no such phase.
    """
    if phase not in PHASES:
        raise Refusal(400, (20018, f"'{phase}' is not a valid value for phase"))
    return str(phase)


def check_expression(expression: Any) -> str:
    """Return a rule's expression, a text with balanced quotes and brackets.

    Raises:
        Refusal: it is empty or unbalanced.
    """
    reason = "it must not be empty"
    if isinstance(expression, str) and expression.strip():
        bare = expression.replace('\\"', "")
        outside = "".join(bare.split('"')[::2])
        pairs = (("(", ")"), ("{", "}"), ("[", "]"))
        if bare.count('"') % 2 == 0 and all(outside.count(a) == outside.count(b) for a, b in pairs):
            return expression
        reason = "quotes or brackets do not close"
    raise Refusal(
        400, (20127, f"'{expression}' is not a valid value for expression because {reason}")
    )


def check_rule(request: Request, body: Any, old: Json | None = None) -> Json:
    """Return a rule as it will be stored.

    Args:
        request: has the state with its clock and ids.
        body: what the caller sent.
        old: the rule to change; None makes a new one.

    Raises:
        Refusal: a field is missing or has a wrong value.
    """
    if not isinstance(body, dict):
        raise Refusal(400, (20120, "a rule must be a JSON object"))
    facts = {**(old or {}), **body}
    if facts.get("action") not in ACTIONS:
        raise Refusal(400, (20015, f"'{facts.get('action')}' is not a valid value for action"))
    if not isinstance(facts.get("enabled", True), bool):
        raise Refusal(400, (20120, "'enabled' must be a boolean"))
    state = state_of(request)
    rule_id = old["id"] if old else state.new_id("rule")
    rule: Json = {
        "id": rule_id,
        "version": str(int(old["version"]) + 1) if old else "1",
        "action": facts["action"],
        "expression": check_expression(facts.get("expression")),
        "description": facts.get("description", ""),
        "last_updated": state.now(),
        "ref": facts.get("ref", rule_id),
        "enabled": facts.get("enabled", True),
    }
    for optional in ("action_parameters", "ratelimit", "logging", "categories"):
        if optional in facts:
            rule[optional] = facts[optional]
    return rule


def check_rules(request: Request, rules: Any, old: list[Json]) -> list[Json]:
    """Return a list of rules to store; a rule with the id of an old one changes that one."""
    if not isinstance(rules, list):
        raise Refusal(400, (20120, "'rules' must be a list of rules"))
    known = {rule["id"]: rule for rule in old}
    return [
        check_rule(
            request, rule, known.get(str(rule.get("id"))) if isinstance(rule, dict) else None
        )
        for rule in rules
    ]


def touch(request: Request, ruleset: Json) -> Json:
    """Count up the version of a changed ruleset and return it."""
    state_of(request).writes += 1
    ruleset |= {
        "version": str(int(ruleset["version"]) + 1),
        "last_updated": state_of(request).now(),
    }
    return ruleset


def entrypoint_of(request: Request, phase: str) -> Json | None:
    """Return the entry point of a phase, or None if the phase has no rules yet."""
    kind = owner_kind(request)
    for ruleset in rulesets_of(request).values():
        if ruleset["phase"] == phase and ruleset["kind"] == kind:
            return ruleset
    return None


def add_ruleset(request: Request, body: Json, kind: str, phase: str) -> Json:
    """Store a new ruleset and return it."""
    state = state_of(request)
    rules = check_rules(request, body.get("rules", []), [])
    ruleset = seed.ruleset(
        state.new_id("ruleset"), body.get("name", "default"), kind, phase, rules
    ) | {"description": body.get("description", ""), "last_updated": state.now()}
    rulesets_of(request)[ruleset["id"]] = ruleset
    return ruleset


def replace_ruleset(request: Request, ruleset: Json, body: Json) -> Json:
    """Give a ruleset the rules, name and description of `body` and return it."""
    rules = check_rules(request, body.get("rules", []), ruleset["rules"])
    texts: Json = {key: body[key] for key in ("name", "description") if key in body}
    ruleset |= texts | {"rules": rules}
    return touch(request, ruleset)


@ROUTES("GET")
async def _list_rulesets(request: Request) -> Response:
    """Answer without the rules, as the real API does."""
    rulesets = rulesets_of(request).values()
    return answer([{k: v for k, v in one.items() if k != "rules"} for one in rulesets])


@ROUTES("POST")
async def _create_ruleset(request: Request) -> Response:
    body = await read_object(request)
    phase = check_phase(body.get("phase"))
    kind = body.get("kind")
    if kind not in ("custom", owner_kind(request)):
        raise Refusal(400, (20019, f"'{kind}' is not a valid value for kind"))
    if not isinstance(body.get("name"), str) or not body["name"]:
        raise Refusal(400, (20120, "'name' is required"))
    if kind != "custom" and entrypoint_of(request, phase) is not None:
        raise Refusal(
            409, (20217, f"a ruleset of kind '{kind}' already exists in the {phase} phase")
        )
    return answer(add_ruleset(request, body, kind, phase))


@ROUTES("GET", "/{ruleset_id}")
async def _get_ruleset(request: Request) -> Response:
    return answer(ruleset_of(request))


@ROUTES("PUT", "/{ruleset_id}")
async def _update_ruleset(request: Request) -> Response:
    ruleset = ruleset_of(request, to_change=True)
    return answer(replace_ruleset(request, ruleset, await read_object(request)))


@ROUTES("DELETE", "/{ruleset_id}")
async def _delete_ruleset(request: Request) -> Response:
    """Answer 204 without a body."""
    ruleset = ruleset_of(request, to_change=True)
    del rulesets_of(request)[ruleset["id"]]
    return Response(status_code=204)


@ROUTES("GET", "/phases/{ruleset_phase}/entrypoint")
async def _get_entrypoint(request: Request) -> Response:
    phase = check_phase(request.path_params["ruleset_phase"])
    ruleset = entrypoint_of(request, phase)
    if ruleset is None:
        raise Refusal(404, (10003, f"could not find entrypoint ruleset in the {phase} phase"))
    return answer(ruleset)


@ROUTES("PUT", "/phases/{ruleset_phase}/entrypoint")
async def _update_entrypoint(request: Request) -> Response:
    """Replace the entry point, or make it where there is none."""
    phase = check_phase(request.path_params["ruleset_phase"])
    ruleset = entrypoint_of(request, phase)
    body = await read_object(request)
    if ruleset is None:
        return answer(add_ruleset(request, body, owner_kind(request), phase))
    return answer(replace_ruleset(request, ruleset, body))


def place(rules: list[Json], rule: Json, position: Any) -> None:
    """Insert a rule at a position: `{"before": id}`, `{"after": id}` or `{"index": 1}`.

    Raises:
        Refusal: the position names no place in the list.
    """
    if position is None:
        rules.append(rule)
        return
    ids = [other["id"] for other in rules]
    match position:
        case {"index": int(index)} if 1 <= index <= len(rules) + 1:
            rules.insert(index - 1, rule)
        case {"before": ""}:
            rules.insert(0, rule)
        case {"before": str(other)} if other in ids:
            rules.insert(ids.index(other), rule)
        case {"after": ""}:
            rules.append(rule)
        case {"after": str(other)} if other in ids:
            rules.insert(ids.index(other) + 1, rule)
        case _:
            raise Refusal(400, (20126, "'position' names no place among the rules"))


def rule_index(request: Request, ruleset: Json) -> int:
    """Return the index of the rule that the path names.

    Raises:
        Refusal: there is no such rule.
    """
    rule_id = request.path_params["rule_id"]
    for index, rule in enumerate(ruleset["rules"]):
        if rule["id"] == rule_id:
            return index
    raise Refusal(404, (10002, f"could not find rule with id '{rule_id}'"))


@ROUTES("POST", "/{ruleset_id}/rules")
async def _create_rule(request: Request) -> Response:
    """Answer with the whole ruleset."""
    ruleset = ruleset_of(request, to_change=True)
    body = await read_object(request)
    place(ruleset["rules"], check_rule(request, body), body.get("position"))
    return answer(touch(request, ruleset))


@ROUTES("PATCH", "/{ruleset_id}/rules/{rule_id}")
async def _edit_rule(request: Request) -> Response:
    """Answer with the whole ruleset."""
    ruleset = ruleset_of(request, to_change=True)
    index = rule_index(request, ruleset)
    body = await read_object(request)
    rule = check_rule(request, body, ruleset["rules"][index])
    rules = [other for other in ruleset["rules"] if other["id"] != rule["id"]]
    place(rules, rule, body.get("position", {"index": index + 1}))
    ruleset["rules"] = rules
    return answer(touch(request, ruleset))


@ROUTES("DELETE", "/{ruleset_id}/rules/{rule_id}")
async def _delete_rule(request: Request) -> Response:
    """Answer with the whole ruleset."""
    ruleset = ruleset_of(request, to_change=True)
    del ruleset["rules"][rule_index(request, ruleset)]
    return answer(touch(request, ruleset))
