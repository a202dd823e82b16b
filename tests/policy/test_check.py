"""What the document says about a request: exact, short, and silent where it is not sure."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from paths import SHARED_SPECS
from run_of_one import make_action

from pymode.documents.operations import Operations
from pymode.policy.action import Request, RequestAction
from pymode.policy.check import TEXT_CHARS, advice, before, find_path_mistake

OFFICIAL = SHARED_SPECS / "cloudflare-2024-08.json"

SCHEMAS: dict[str, Any] = {
    "base": {
        "required": ["id", "name", "made_on", "ttl"],
        "properties": {
            "id": {"type": "string"},
            "name": {"type": "string"},
            "made_on": {"type": "string", "readOnly": True},
            "ttl": {"type": "integer", "default": 1},
            "comment": {"type": "string", "nullable": True},
            "proxied": {"type": ["boolean", "null"]},
            "owner": {"required": ["email"], "properties": {"email": {"type": "string"}}},
            "tags": {"type": "array", "items": {"type": "string"}},
            "mode": {"enum": ["on", "off", 1]},
            "title": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        },
    },
    "A": {
        "required": ["content"],
        "properties": {"type": {"enum": ["A", "AAAA"]}, "content": {"type": "string"}},
    },
    "SRV": {
        "required": ["data"],
        "properties": {"type": {"const": "SRV"}, "data": {"type": "object"}},
    },
    "record": {
        "allOf": [{"$ref": "#/components/schemas/base"}],
        "oneOf": [{"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/SRV"}],
    },
    "tree": {
        "allOf": [{"$ref": "#/components/schemas/tree"}],
        "oneOf": [{"$ref": "#/components/schemas/tree"}, {"type": "object"}],
        "required": ["leaf"],
        "properties": {"child": {"$ref": "#/components/schemas/tree"}},
    },
}


def query(name: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "schema": schema}


def body(schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"required": True, "content": content}


DOCUMENT: dict[str, Any] = {
    "paths": {
        "/zones": {
            "get": {
                "summary": "List zones",
                "parameters": [
                    query("status", {"type": "string", "enum": ["active", "moved"]}),
                    query("per_page", {"type": "integer"}),
                    query("account", {"type": "string"}, required=True),
                    query("filter", {"type": "object"}, required=True),
                    query("page", {"type": "integer", "default": 1}, required=True),
                    query("kinds", {"type": "array", "items": {"enum": ["a", "b"]}}),
                    query("exact", {"type": "boolean", "enum": [True, False]}),
                    {"name": "X-Region", "in": "header", "required": True},
                    {"name": "X-Auth-Key", "in": "header", "required": True},
                ],
                "x-api-token-group": ["Zone Read", "Zone Write"],
            }
        },
        "/zones/verify": {"get": {"summary": "Verify"}},
        "/zones/{zone_id}": {
            "parameters": [
                {"name": "zone_id", "in": "path", "required": True, "schema": {"type": "string"}}
            ],
            "get": {"security": [{"oauth": ["zones", "read"]}]},
        },
        "/zones/{zone_id}/dns_records": {
            "get": {"summary": "List DNS records"},
            "post": {"summary": "Create a DNS record", "requestBody": body("record")},
        },
        "/zones/{zone_id}/settings/{setting}": {
            "get": {
                "parameters": [
                    {
                        "name": "setting",
                        "in": "path",
                        "required": True,
                        "schema": {"enum": ["ssl", "ipv6"]},
                    }
                ]
            }
        },
        "/trees": {"post": {"requestBody": body("tree")}},
    },
    "components": {"schemas": SCHEMAS},
}


@pytest.fixture(scope="module")
def operations() -> Operations:
    return Operations(DOCUMENT)


def request(method: str, path: str, body: object = None, *query: tuple[str, str]) -> RequestAction:
    headers = {"x-region": "eu"}
    if body is not None:
        headers["content-type"] = "application/json; charset=utf-8"
    content = None if body is None else json.dumps(body).encode()
    written = urlencode(query)
    return make_action(Request(method, path, headers=headers, content=content), query=written)


def text(path: str) -> RequestAction:
    """A POST of plain text."""
    return make_action(Request("POST", path, headers={"content-type": "text/plain"}, content=b"x"))


RECORD = {"type": "A", "name": "www", "content": "192.0.2.1"}
LISTED = (("account", "1"), ("filter[name]", "x"))


@pytest.mark.parametrize(
    "path", ["/zones/{zone_id}", "/zones/{zone_id", "{x}", "", "  ", "None", "/undefined", "/null/"]
)
def test_what_cannot_be_a_path_is_surely_wrong(path: str) -> None:
    assert find_path_mistake(path)


@pytest.mark.parametrize(
    "path", ["/", "/zones", "zones", "/x?filter={}", "/kv/None", "/kv/%7Ba%7D"]
)
def test_what_may_be_a_path_is_not_surely_wrong(path: str) -> None:
    assert find_path_mistake(path) is None


def test_an_unfilled_template_is_named() -> None:
    assert "{zone_id}" in (find_path_mistake("/zones/{zone_id}/dns_records") or "")


def test_an_unknown_path_names_the_nearest_operations(operations: Operations) -> None:
    assert before(request("POST", "/zones/023e105f4/dns_record"), operations) == [
        "the document has no POST /zones/023e105f4/dns_record; nearest: POST "
        "/zones/{zone_id}/dns_records (Create a DNS record), GET /zones/{zone_id}/dns_records "
        "(List DNS records)"
    ]


def test_an_unknown_method_names_those_that_the_path_has(operations: Operations) -> None:
    [text] = before(request("PUT", "/zones/023e105f4/dns_records"), operations)
    assert text == "the document has no PUT at /zones/023e105f4/dns_records, only GET, POST"


def test_a_path_of_another_api_has_nothing_near(operations: Operations) -> None:
    [text] = before(request("GET", "/repos/octocat/hello"), operations)
    assert text == "the document has no GET /repos/octocat/hello, nor a path like it"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (RECORD, []),
        (RECORD | {"more": 1, "comment": None, "proxied": None, "title": 5, "mode": 1}, []),
        ({"type": "SRV", "name": "_x", "data": {}}, []),
        ({}, ["body lacks name (required)"]),
        ({"type": "A", "name": "www"}, ["body lacks content (required)"]),
        ({"type": "SRV"}, ["body lacks name, data (required)"]),
        ({"name": "www", "data": 5}, ["data must be an object"]),
        ({"name": "www", "content": 5}, ["content must be a string"]),
        ({"type": "B", "name": "www"}, ["type must be one of A, AAAA, SRV"]),
        (RECORD | {"ttl": "60"}, ["ttl must be an integer"]),
        (RECORD | {"ttl": 60.0}, []),
        (RECORD | {"ttl": True}, ["ttl must be an integer"]),
        (RECORD | {"name": None}, ["name must be a string"]),
        (RECORD | {"proxied": "yes"}, ["proxied must be a boolean or null"]),
        (RECORD | {"owner": {}}, ["owner lacks email (required)"]),
        (RECORD | {"tags": ["a", 5]}, ["tags[1] must be a string"]),
        (RECORD | {"mode": True}, ["mode must be one of on, off, 1"]),
        (RECORD | {"title": []}, ["title must be a string or an integer"]),
    ],
)
def test_a_body_is_compared_with_its_schema(
    operations: Operations, value: object, expected: list[str]
) -> None:
    """Read-only properties, an id beside them and those with a default need not be sent."""
    assert before(request("POST", "/zones/1/dns_records", value), operations) == expected


def test_a_missing_body_is_named_and_one_that_is_not_json_is_left_alone(
    operations: Operations,
) -> None:
    path = "/zones/1/dns_records"
    assert before(request("POST", path), operations) == ["the request lacks a body (required)"]
    assert before(text(path), operations) == []


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], []),
        ([("status", "active"), ("per_page", "50"), ("unknown", "x")], []),
        ([("status", "actve")], ["status must be one of active, moved"]),
        ([("per_page", "all")], ["per_page must be a number"]),
        ([("kinds", "a,b"), ("kinds[]", "a")], []),
        ([("kinds", "a,c")], ["kinds must be one of a, b"]),
        ([("exact", "True")], []),
    ],
)
def test_query_parameters_are_compared_with_their_schemas(
    operations: Operations, pairs: list[tuple[str, str]], expected: list[str]
) -> None:
    assert before(request("GET", "/zones", None, *LISTED, *pairs), operations) == expected


def test_missing_required_parameters_are_named(operations: Operations) -> None:
    """Not those with a default, those sent under other names, nor headers that the host sets."""
    bare = make_action(Request("GET", "/zones"))
    assert before(bare, operations) == [
        "query lacks account (required)",
        "header lacks X-Region (required)",
    ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/zones/None", "zone_id in the path is 'None': its value was missing"),
        ("/zones/%7Bzone_id%7D", "zone_id in the path was not filled in"),
        ("/zones/1/settings/tls", "setting must be one of ssl, ipv6"),
    ],
)
def test_values_in_the_path_are_checked(operations: Operations, path: str, expected: str) -> None:
    assert before(request("GET", path), operations) == [expected]


@pytest.mark.parametrize("status", [400, 404, 405, 415, 422])
def test_a_refused_request_gets_advice(operations: Operations, status: int) -> None:
    wrong = request("POST", "/zones/1/dns_records", {"type": "A", "ttl": "x"})
    assert advice(wrong, status, operations) == (
        "body lacks name, content (required); ttl must be an integer"
    )


@pytest.mark.parametrize("status", [200, 201, 301, 409, 429, 500, 503])
def test_other_answers_get_no_advice(operations: Operations, status: int) -> None:
    assert advice(request("POST", "/zones/1/dns_records", {}), status, operations) == ""


def test_a_request_that_fits_the_document_gets_no_advice(operations: Operations) -> None:
    assert advice(request("POST", "/zones/1/dns_records", RECORD), 400, operations) == ""


def test_another_media_type_is_named(operations: Operations) -> None:
    wrong = text("/zones/1/dns_records")
    expected = "the document takes a body of application/json, not text/plain"
    assert advice(wrong, 415, operations) == expected


def test_a_misspelt_literal_that_passes_for_a_parameter_is_guessed(operations: Operations) -> None:
    text = advice(request("GET", "/zones/verfy"), 404, operations)
    assert text.endswith("was GET /zones/verify (Verify) meant?")
    assert advice(request("GET", "/zones/023e105f4ecef8ad"), 404, operations) == ""


@pytest.mark.parametrize("status", [401, 403])
def test_permissions_are_explained_where_the_document_has_them(
    operations: Operations, status: int
) -> None:
    assert advice(request("GET", "/zones"), status, operations) == (
        "by the document GET /zones needs a token with one of these permissions: "
        "Zone Read, Zone Write"
    )
    assert advice(request("GET", "/zones/1"), status, operations).endswith(
        "needs a token with the permission: zones + read"
    )
    assert advice(request("GET", "/zones/1/dns_records"), status, operations) == ""
    assert advice(request("GET", "/nothing"), status, operations) == ""


def test_schemas_that_contain_themselves_come_to_an_end(operations: Operations) -> None:
    value: dict[str, Any] = {}
    for _ in range(300):
        value = {"child": value}
    found = before(request("POST", "/trees", value), operations)
    assert found[0] == "body lacks leaf (required)"
    assert len(advice(request("POST", "/trees", value), 400, operations)) <= TEXT_CHARS


def test_hostile_documents_are_compared_in_bounded_steps() -> None:
    """Three levels of 500 alternatives would be 125 million comparisons."""
    reference = "#/components/schemas/"
    schemas: dict[str, Any] = {
        "L0": {"oneOf": [{"$ref": reference + "L1"}] * 500},
        "L1": {"anyOf": [{"$ref": reference + "L2"}] * 500},
        "L2": {"oneOf": [{"required": [f"p{i}" for i in range(1000)]}] * 500},
        "many": {"oneOf": [{"required": [f"p{i}"]} for i in range(10_000)]},
        "wide": {
            "allOf": [{"allOf": [{"$ref": reference + "wide"}] * 100}] * 100,
            "required": [f"p{i}" for i in range(3000)],
            "properties": {f"p{i}": {"$ref": reference + "wide"} for i in range(3000)},
        },
        "nonsense": {"type": 5, "properties": [1], "required": "x", "allOf": {}, "enum": "y"},
    }
    paths = {f"/{name}": {"post": {"requestBody": body(name)}} for name in schemas}
    operations = Operations({"paths": paths, "components": {"schemas": schemas}})
    for name in schemas:
        value: object
        for value in ({"a": 1}, {f"p{i}": {"p1": {}} for i in range(500)}, [[[]]] * 500, "x"):
            text = advice(request("POST", f"/{name}", value), 400, operations)
            assert len(text) <= TEXT_CHARS


def test_cloudflares_own_document_mends_a_dns_record() -> None:
    if not OFFICIAL.exists():
        pytest.skip(f"{OFFICIAL} is not here")
    operations = Operations(json.loads(OFFICIAL.read_bytes()))
    path = "/zones/023e105f4ecef8ad9ca31a8372d0c353/dns_records"

    def advise(value: object) -> str:
        return advice(request("POST", path, value), 400, operations)

    assert advise({"type": "A", "name": "www", "content": "192.0.2.1", "ttl": 300}) == ""
    assert advise({"type": "A", "name": "www"}) == "body lacks content (required)"
    assert advise({"type": "a", "name": "w"}).startswith("type must be one of A, AAAA, CAA")
