"""Simulated Workers KV."""

from __future__ import annotations

import json

from simulator_client import Api


def test_kv_keys_are_listed_with_a_cursor(api: Api) -> None:
    path = f"{api.namespace('cache')}/keys"
    names: list[str] = []
    cursor: str | None = None
    while cursor != "":
        query = {"cursor": cursor} if cursor else {}
        envelope = api.send("GET", path, params=query).json()
        names += [key["name"] for key in envelope["result"]]
        cursor = envelope["result_info"]["cursor"]
    assert len(names) == len(set(names)) == 1250
    found = api.result("GET", path, params={"prefix": "page:12", "limit": 10})
    assert [key["name"] for key in found] == [f"page:12{n:02}" for n in range(10)]
    assert api.refusal("GET", path, params={"limit": 5}) == (400, 10029)
    assert api.refusal("GET", path, params={"cursor": "%%%"}) == (400, 10028)


def test_a_kv_value_keeps_its_bytes_and_metadata(api: Api) -> None:
    base = api.namespace("sessions")
    path = f"{base}/values/a%2Fb%3F"
    assert api.refusal("GET", path) == (404, 10009)
    assert api.result("PUT", path, content=b"\x00\xff") is None
    assert api.send("GET", path).content == b"\x00\xff"
    assert api.result("GET", f"{base}/keys") == [{"name": "a/b?"}]
    form = {"value": (None, "v"), "metadata": (None, '{"owner":"me"}')}
    api.result("PUT", path, files=form, params={"expiration_ttl": 60})
    assert api.send("GET", path).text == "v"
    assert api.result("GET", f"{base}/metadata/a%2Fb%3F") == {"owner": "me"}
    assert api.refusal("PUT", path, content=b"", params={"expiration_ttl": 5})[0] == 400
    assert api.result("DELETE", path) is None
    assert api.result("DELETE", path) is None


def test_kv_bulk_writes_all_or_nothing(api: Api) -> None:
    base = api.namespace("sessions")
    pairs = [{"key": "one", "value": "1"}, {"key": "two", "value": "//8=", "base64": True}]
    assert api.result("PUT", f"{base}/bulk", json=pairs) is None
    assert api.send("GET", f"{base}/values/two").content == b"\xff\xff"
    for bad in ({"key": 3, "value": "x"}, {"key": "\ud800", "value": "x"}, None):
        body = json.dumps([{"key": "new", "value": ""}, bad])
        assert api.refusal("PUT", f"{base}/bulk", content=body)[0] == 400
    assert len(api.result("GET", f"{base}/keys")) == 2
    api.result("POST", f"{base}/bulk/delete", json=["one", "two", "three"])
    assert api.result("GET", f"{base}/keys") == []


def test_a_kv_namespace_is_created_renamed_and_deleted(api: Api) -> None:
    base = f"{api.account}/storage/kv/namespaces"
    made = api.result("POST", base, json={"title": "mine"})
    assert api.refusal("POST", base, json={"title": "mine"}) == (400, 10014)
    path = f"{base}/{made['id']}"
    api.result("PUT", path, json={"title": "renamed"})
    assert api.result("GET", path)["title"] == "renamed"
    assert api.send("GET", base).json()["result_info"]["total_count"] == 4
    api.result("DELETE", path)
    assert api.refusal("GET", path) == (404, 10013)
