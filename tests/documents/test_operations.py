"""The operations of a document: which one a request is for, and which ones are near it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from paths import REPOSITORY, SHARED_SPECS

from pymode.documents.operations import Operations

OFFICIAL = SHARED_SPECS / "cloudflare-2024-08.json"
SHIPPED = REPOSITORY / "specs" / "cloudflare.json"


def operation(name: str, **more: Any) -> dict[str, Any]:
    return {"operationId": name, "summary": f"Do {name}", "responses": {}} | more


def parameter(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} | more


DOCUMENT: dict[str, Any] = {
    "security": [{"oauth": ["read"]}],
    "paths": {
        "/zones": {"get": operation("zones-get"), "post": operation("zones-post")},
        "/zones/{zone_id}": {
            "parameters": [{"$ref": "#/components/parameters/zone"}],
            "get": operation("zone-get"),
            "delete": operation("zone-delete", **{"x-api-token-group": ["Zone Write", "All"]}),
        },
        "/zones/{zone_id}/dns_records": {
            "post": operation(
                "dns-post",
                tags=["DNS"],
                security=[{"oauth": ["dns", "write"]}, {"oauth": ["admin"]}],
                requestBody={"$ref": "#/components/requestBodies/record"},
                responses={"200": {"$ref": "#/components/responses/record"}, "4xx": {}},
            ),
        },
        "/zones/active": {"get": operation("zones-active", security=[])},
        "/zones/{zone}/settings": {"get": operation("settings-get")},
        "/diff/{base}...{head}": {"get": operation("diff")},
        "/files/{path}": {"get": operation("file", parameters=[parameter("path")])},
        "/trees/{path}": {
            "get": operation("tree", parameters=[parameter("path", **{"x-multi-segment": True})])
        },
        "/proxy/{rest+}": {"get": operation("proxy")},
        "/two words/{a}/": {"get": operation("spaced")},
        "/again": {"$ref": "#/paths/~1zones"},
        "x-other": {"get": operation("not-a-path")},
    },
    "components": {
        "parameters": {"zone": parameter("zone_id", description="of the zone")},
        "requestBodies": {
            "record": {
                "required": True,
                "content": {"application/json; charset=utf-8": {"schema": {"type": "object"}}},
            }
        },
        "responses": {
            "record": {
                "content": {
                    "application/json": {
                        "schema": {"$ref": "#/components/schemas/record"},
                        "examples": {"one": {"value": {"name": "www"}}},
                    }
                }
            }
        },
        "schemas": {"record": {"type": "object", "properties": {"name": {"type": "string"}}}},
    },
}


@pytest.fixture(scope="module")
def operations() -> Operations:
    return Operations(DOCUMENT)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/zones", "zones-get"),
        ("get", "/zones/", "zones-get"),
        ("GET", "/zones/abc", "zone-get"),
        ("GET", "/zones/a%2Fb", "zone-get"),
        ("GET", "/zones/active", "zones-active"),
        ("GET", "/zones/%61ctive", "zones-active"),
        ("DELETE", "/zones/active", "zone-delete"),
        ("HEAD", "/zones/abc", "zone-get"),
        ("GET", "/zones/abc/settings", "settings-get"),
        ("GET", "/diff/v1...v2", "diff"),
        ("GET", "/diff/v1..v2", None),
        ("GET", "/diff/...v2", None),
        ("GET", "/files/a", "file"),
        ("GET", "/files/a/b", None),
        ("GET", "/files/@scope/b", "file"),
        ("GET", "/trees/a/b/c", "tree"),
        ("GET", "/proxy/a/b/c", "proxy"),
        ("GET", "/two%20words/x", "spaced"),
        ("POST", "/again", "zones-post"),
        ("PUT", "/zones", None),
        ("GET", "/Zones", None),
        ("GET", "/", None),
        ("GET", "/x-other", None),
        ("PARAMETERS", "/zones/abc", None),
    ],
)
def test_a_request_is_matched_to_its_operation(
    operations: Operations, method: str, path: str, expected: str | None
) -> None:
    """Literals win over parameters, and only what the document marks may hold slashes."""
    found = operations.match(method, path)
    assert (found and found.operation_id) == expected


def test_the_methods_at_a_path_come_from_every_template_that_fits(operations: Operations) -> None:
    assert operations.methods("/zones/active") == ("DELETE", "GET")
    assert operations.methods("/nothing") == ()


def test_an_operation_is_complete(operations: Operations) -> None:
    """References are resolved, the path's parameters and the product's tag are there."""
    post = operations.match("POST", "/zones/1/dns_records")
    assert post is not None
    assert (post.method, post.path) == ("POST", "/zones/{zone_id}/dns_records")
    assert post.summary == "Do dns-post"
    assert post.tags == ("DNS", "dns_records")
    assert post.body_required
    assert post.bodies == {"application/json": {"type": "object"}}
    assert set(post.responses) == {"200", "4XX"}
    assert post.responses["200"]["example"] == {"name": "www"}
    get = operations.match("GET", "/zones/1")
    assert get is not None
    assert [(p.name, p.place, p.required) for p in get.parameters] == [("zone_id", "path", True)]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("DELETE", "/zones/1", ("Zone Write", "All")),
        ("POST", "/zones/1/dns_records", ("dns + write", "admin")),
        ("GET", "/zones", ("read",)),
        ("GET", "/zones/active", ()),
    ],
)
def test_permissions_are_token_groups_or_scopes(
    operations: Operations, method: str, path: str, expected: tuple[str, ...]
) -> None:
    found = operations.match(method, path)
    assert found is not None
    assert found.permissions == expected


def test_a_scheme_without_scopes_asks_for_no_permission() -> None:
    security = [{"oauth": ["dns"]}, {"token": []}]
    found = Operations({"paths": {"/a": {"get": operation("a", security=security)}}})
    assert next(iter(found)).permissions == ()


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/zones/023e105f4ecef8ad/dns_record", "dns-post"),
        ("POST", "/zone/023e105f4ecef8ad/dns_records", "dns-post"),
        ("POST", "/dns_records", "dns-post"),
        ("GET", "/zone", "zones-get"),
        ("POST", "/zone", "zones-post"),
        ("GET", "/zones/x/setting", "settings-get"),
    ],
)
def test_the_nearest_operation_is_the_one_that_was_meant(
    operations: Operations, method: str, path: str, expected: str
) -> None:
    assert operations.nearest(method, path)[0].operation_id == expected


def test_nothing_is_near_a_path_of_another_api(operations: Operations) -> None:
    assert operations.nearest("GET", "/repos/octocat/hello/pulls") == []


def test_references_are_followed_and_nonsense_is_empty(operations: Operations) -> None:
    record = operations.follow({"$ref": "#/components/schemas/record"})
    assert record is DOCUMENT["components"]["schemas"]["record"]
    beside = {"$ref": "#/components/schemas/record", "nullable": True}
    assert operations.follow(beside)["nullable"] is True
    assert operations.follow(beside) is operations.follow(beside)
    nonsense: object
    for nonsense in (None, True, 3, "x", [], {"$ref": "#/none"}, {"$ref": "#/paths/~1zones/get/x"}):
        assert operations.follow(nonsense) == {}


def test_nonsense_in_a_document_is_left_out() -> None:
    items: dict[str, Any] = {
        "/a": {"get": {"parameters": "x", "responses": [], "tags": 5, "requestBody": True}},
        "/b": {"get": {"parameters": [None, {"name": 5}], "responses": {"200": {"content": 1}}}},
        "/c": {"get": {"security": [None, {"a": "b"}], "x-api-token-group": {"a": 1}}, "put": 3},
        "/d": None,
    }
    found = list(Operations({"paths": items}))
    assert [one.path for one in found] == ["/a", "/b", "/c"]
    assert len(Operations({"paths": []})) == 0


def test_hostile_templates_and_paths_are_matched_in_bounded_steps() -> None:
    """Without a bound, thirty segments with two parameters each would be tried for ever."""
    mixed = "/".join("a{x}b{y}" for _ in range(30))
    paths = {f"/{mixed}/{i}": {"get": operation("m")} for i in range(50)}
    paths |= {"/" + "{a}/" * n + "end": {"get": operation("n")} for n in range(1, 200)}
    operations = Operations({"paths": paths})
    for path in ("/aab" * 30, "/a" * 8000, "/" + "x" * 16000, "/" + "%41" * 5000):
        assert operations.match("GET", path) is None
        assert len(operations.nearest("GET", path)) <= 3


@pytest.mark.parametrize("file", [SHIPPED, OFFICIAL], ids=["shipped", "official"])
def test_every_operation_of_cloudflare_is_found_by_its_own_path(file: Path) -> None:
    if not file.exists():
        pytest.skip(f"{file} is not here")
    operations = Operations(json.loads(file.read_bytes()))
    assert len(operations) > 250
    for one in operations:
        assert operations.match(one.method, re.sub(r"\{[^{}]*\}", "a1b2c3", one.path)) is one
