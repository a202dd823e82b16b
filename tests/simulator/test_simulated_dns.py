"""Simulated DNS records."""

from __future__ import annotations

from typing import Any

import pytest
from simulator_client import Api


def test_the_large_zone_has_more_records_than_one_page(api: Api) -> None:
    path = f"{api.zone()}/dns_records"
    first = api.send("GET", path).json()
    assert first["result_info"]["count"] == 100
    assert first["result_info"]["total_count"] > 130
    rest = api.result("GET", path, params={"page": 2})
    ids = {record["id"] for record in first["result"] + rest}
    assert len(ids) == first["result_info"]["total_count"]


def test_records_are_filtered_and_ordered(api: Api) -> None:
    def names(**query: str) -> list[str]:
        found = api.result("GET", f"{api.zone()}/dns_records", params=query)
        return [record["name"] for record in found]

    assert names(type="MX") == ["example.com", "example.com"]
    assert names(type="A", name="api.example.com") == ["api.example.com"]
    assert names(content="blog.hosting.example") == ["blog.example.com"]
    assert names(**{"comment.contains": "mail"}) == ["mail.example.com"]
    assert names(type="A", order="name", direction="desc")[0] == "mail.example.com"
    assert api.refusal("GET", f"{api.zone()}/dns_records", params={"order": "age"})[0] == 400


def test_a_record_is_created_changed_and_deleted(api: Api) -> None:
    path = f"{api.zone()}/dns_records"
    sent = {"type": "A", "name": "New", "content": "192.0.2.9", "ttl": 300, "comment": "mine"}
    made = api.result("POST", path, json=sent)
    assert made["name"] == "new.example.com"
    one = f"{path}/{made['id']}"
    patched = api.result("PATCH", one, json={"content": "192.0.2.10"})
    assert (patched["content"], patched["ttl"], patched["comment"]) == ("192.0.2.10", 300, "mine")
    put = api.result("PUT", one, json={"type": "A", "name": "new", "content": "192.0.2.11"})
    assert (put["ttl"], put["comment"], put["created_on"]) == (1, None, made["created_on"])
    assert api.result("GET", one) == put
    assert api.result("DELETE", one) == {"id": made["id"]}
    assert api.refusal("GET", one) == (404, 81044)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"content": "300.1.1.1"}, 9005),
        ({"type": "AAAA", "content": "192.0.2.1"}, 9006),
        ({"type": "CNAME", "content": "192.0.2.1"}, 9007),
        ({"type": "MX", "content": "mail.example.com"}, 9101),
        ({"type": "TXT", "content": "x", "proxied": True}, 9004),
        ({"ttl": 5}, 9021),
        ({"type": "NOPE"}, 9002),
        ({"name": None}, 9000),
        ({"content": None}, 9101),
        ({"name": "api", "content": "198.51.100.0", "proxied": True}, 81058),
        ({"name": "api", "content": "198.51.100.0", "ttl": 300}, 81057),
        ({"name": "blog"}, 81054),
        ({"type": "CNAME", "name": "api", "content": "other.example"}, 81053),
    ],
)
def test_a_bad_record_is_refused_with_its_code(api: Api, change: Any, code: int) -> None:
    record = {"type": "A", "name": "fresh", "content": "192.0.2.1"} | change
    assert api.refusal("POST", f"{api.zone()}/dns_records", json=record) == (400, code)


def test_a_body_that_is_not_json_is_refused(api: Api) -> None:
    path = f"{api.zone()}/dns_records"
    headers = {"Content-Type": "application/json"}
    for body in (b"{", b"[" * 100_000, b"\xff"):
        assert api.refusal("POST", path, content=body, headers=headers) == (400, 6007)
    assert api.refusal("POST", path, json=[]) == (400, 9207)
    assert api.refusal("POST", path, data={"type": "A"}) == (400, 9207)


def test_records_are_exported_as_text(api: Api) -> None:
    response = api.send("GET", f"{api.zone()}/dns_records/export")
    assert response.headers["content-type"].startswith("text/plain")
    assert "example.com.\t3600\tIN\tMX\t10 mail.example.com\n" in response.text
