"""Simulated zones, their settings and their cache."""

from __future__ import annotations

import re

from simulator_client import Api

from pymode.simulator import State


def test_zones_come_in_pages() -> None:
    api = Api(State.seeded(zones=120))
    names: list[str] = []
    for page in (1, 2, 3):
        envelope = api.send("GET", "/zones", params={"page": page, "per_page": 500}).json()
        names += [zone["name"] for zone in envelope["result"]]
    assert envelope["result_info"] == {
        "page": 3,
        "per_page": 50,
        "count": 20,
        "total_count": 120,
        "total_pages": 3,
    }
    assert len(set(names)) == 120
    assert names == sorted(names)
    assert api.result("GET", "/zones", params={"page": 99}) == []
    assert api.refusal("GET", "/zones", params={"page": "two"}) == (400, 6008)


def test_zones_are_filtered_by_name_and_status(api: Api) -> None:
    def names(**query: str) -> list[str]:
        return [zone["name"] for zone in api.result("GET", "/zones", params=query)]

    assert names(name="example.net") == ["example.net"]
    assert names(name="contains:zone-00") == [f"zone-00{n}.example" for n in (3, 4, 5)]
    assert names(status="pending") == ["example.org"]
    assert names(status="pending", name="example.net", match="any") == [
        "example.net",
        "example.org",
    ]
    assert names(direction="desc")[0] == "zone-005.example"
    assert api.refusal("GET", "/zones", params={"status": "lost"})[0] == 400


def test_a_zone_is_created_edited_and_deleted(api: Api) -> None:
    zone = api.result("POST", "/zones", json={"name": "new.example"})
    assert zone["status"] == "pending"
    assert re.fullmatch("[0-9a-f]{32}", zone["id"])
    assert api.refusal("POST", "/zones", json={"name": "new.example"}) == (400, 1061)
    assert api.refusal("POST", "/zones", json={"name": "no domain"}) == (400, 1049)
    path = f"/zones/{zone['id']}"
    assert api.result("PATCH", path, json={"paused": True})["paused"] is True
    assert api.result("DELETE", path) == {"id": zone["id"]}
    assert api.refusal("GET", path) == (404, 1001)


def test_zone_settings_are_read_and_changed(api: Api) -> None:
    zone = api.zone()
    assert (
        api.result("PATCH", f"{zone}/settings/ssl", json={"value": "strict"})["value"] == "strict"
    )
    items = [{"id": "http3", "value": "off"}, {"id": "min_tls_version", "value": "1.3"}]
    api.result("PATCH", f"{zone}/settings", json={"items": items})
    values = {one["id"]: one["value"] for one in api.result("GET", f"{zone}/settings")}
    assert (values["ssl"], values["http3"], values["min_tls_version"]) == ("strict", "off", "1.3")
    assert api.refusal("PATCH", f"{zone}/settings/ssl", json={"value": True}) == (400, 1007)
    assert api.refusal("GET", f"{zone}/settings/nothing") == (400, 1006)


def test_the_cache_is_purged_only_with_a_target(api: Api) -> None:
    path = f"{api.zone()}/purge_cache"
    assert api.result("POST", path, json={"purge_everything": True})
    assert api.refusal("POST", path, json={}) == (400, 1012)
