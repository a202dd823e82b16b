"""Simulated rulesets."""

from __future__ import annotations

from typing import Any

from simulator_client import Api


def test_rulesets_are_listed_without_rules_and_read_with_them(api: Api) -> None:
    for owner, kind in ((api.zone(), "zone"), (api.account, "custom")):
        listed = api.result("GET", f"{owner}/rulesets")
        assert {"managed", kind} == {ruleset["kind"] for ruleset in listed}
        assert all("rules" not in ruleset for ruleset in listed)
        assert api.result("GET", f"{owner}/rulesets/{listed[0]['id']}")["rules"]


def test_a_phase_without_rules_has_no_entry_point_until_one_is_put(api: Api) -> None:
    path = f"{api.zone('example.org')}/rulesets/phases/http_request_firewall_custom/entrypoint"
    assert api.refusal("GET", path) == (404, 10003)
    rule = {"action": "block", "expression": "ip.src eq 192.0.2.1"}
    made = api.result("PUT", path, json={"rules": [rule]})
    assert (made["kind"], made["version"], len(made["rules"])) == ("zone", "1", 1)
    again = api.result("PUT", path, json={"rules": [*made["rules"], rule]})
    assert (again["id"], again["version"]) == (made["id"], "2")
    assert again["rules"][0]["id"] == made["rules"][0]["id"]
    assert api.result("GET", path) == again
    assert api.refusal("GET", path.replace("custom", "nothing"))[0] == 400


def test_rules_are_added_moved_changed_and_deleted(api: Api) -> None:
    base = f"{api.zone()}/rulesets"
    phase = "http_request_transform"
    made = api.result("POST", base, json={"name": "mine", "kind": "zone", "phase": phase})
    path = f"{base}/{made['id']}"
    for text in ("a", "b"):
        rule = {"action": "rewrite", "expression": f'http.host eq "{text}"', "description": text}
        api.result("POST", f"{path}/rules", json=rule)
    first = rule | {"description": "first", "position": {"index": 1}}
    rules = api.result("POST", f"{path}/rules", json=first)["rules"]
    assert [one["description"] for one in rules] == ["first", "a", "b"]
    one = f"{path}/rules/{rules[1]['id']}"
    changed = api.result("PATCH", one, json={"enabled": False})
    assert [one["enabled"] for one in changed["rules"]] == [True, False, True]
    assert changed["version"] == "5"
    assert len(api.result("DELETE", one)["rules"]) == 2
    assert api.refusal("DELETE", one)[0] == 404
    assert api.send("DELETE", path).status_code == 204
    assert api.refusal("GET", path) == (404, 10001)


def test_a_bad_ruleset_is_refused(api: Api) -> None:
    base = f"{api.zone()}/rulesets"
    managed = f"{base}/efb7b8c949ac4650a09736fc376e9aee"
    assert api.refusal("PUT", managed, json={"rules": []})[0] == 403
    custom = f"{base}/phases/http_request_firewall_custom/entrypoint"
    for rule in ({"action": "block", "expression": '(a eq "b"'}, {"action": "block"}):
        assert api.refusal("PUT", custom, json={"rules": [rule]}) == (400, 20127)
    bad: tuple[Any, ...] = ({}, [1], [{"id": [], "action": "nothing", "expression": "true"}])
    for rules in bad:
        assert api.refusal("PUT", custom, json={"rules": rules})[0] == 400
