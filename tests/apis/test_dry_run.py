"""A stand-in has the shape of the answer and the values of the request."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from paths import SHARED_SPECS
from run_of_one import make_action

from pymode.apis.dry_run import make
from pymode.documents.operations import Operations
from pymode.http.client import Response
from pymode.policy.action import Request

OFFICIAL = SHARED_SPECS / "cloudflare-2024-08.json"
ZONE = "023e105f4ecef8ad9ca31a8372d0c353"


def answers(schema: dict[str, Any], status: str = "200") -> dict[str, Any]:
    return {"responses": {status: {"content": {"application/json": {"schema": schema}}}}}


def wrap(result: dict[str, Any]) -> dict[str, Any]:
    """As Cloudflare does: the common part leaves the kind of the result open."""
    special = {"type": "object", "properties": {"result": result}}
    return {"allOf": [{"$ref": "#/components/schemas/envelope"}, special]}


RECORD: dict[str, Any] = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "example": ZONE},
        "zone_id": {"type": "string"},
        "name": {"type": "string", "example": "example.com"},
        "ttl": {"type": "integer", "default": 1},
        "made_on": {"type": "string", "format": "date-time"},
        "kind": {"type": "string", "enum": ["plain", "fancy"]},
        "locked": {"type": "boolean"},
        "labels": {"type": "array", "items": {"properties": {"text": {"type": "string"}}}},
        "parent": {"$ref": "#/components/schemas/record"},
    },
    "oneOf": [
        {"properties": {"type": {"enum": ["A"]}, "content": {"type": "string"}}},
        {"properties": {"type": {"enum": ["SRV"]}, "data": {"type": "object"}}},
    ],
}
PATHS: dict[str, Any] = {
    "/zones/{zone_id}/dns_records": {
        "post": answers(wrap({"$ref": "#/components/schemas/record"})),
        "put": answers(wrap({"type": "array", "items": {"$ref": "#/components/schemas/record"}})),
    },
    "/zones/{zone_id}/dns_records/{record_id}": {
        "delete": answers({"properties": {"result": {"properties": {"id": {"type": "string"}}}}}),
        "patch": {"responses": {"200": {"description": "nothing said"}}},
    },
}
PLAIN_PATHS: dict[str, Any] = {
    "/issues": {"post": answers({"$ref": "#/components/schemas/issue"}, "201")},
    "/issues/{issue_number}": {
        "patch": answers({"$ref": "#/components/schemas/issue"}),
        "delete": {"responses": {"204": {"description": "gone"}, "404": {}}},
    },
    "/lists": {"post": answers({"type": "array", "items": {"$ref": "#/components/schemas/issue"}})},
    "/words": {"post": answers({"type": "string"}, "2XX")},
}
SCHEMAS: dict[str, Any] = {
    "record": RECORD,
    "envelope": {
        "properties": {
            "success": {"type": "boolean"},
            "errors": {"type": "array", "items": {"properties": {"code": {"type": "integer"}}}},
            "error": {"type": "string"},
            "result": {"anyOf": [{"type": "object"}, {"type": "string"}]},
        }
    },
    "issue": {
        "type": "object",
        "properties": {
            "id": {"type": "integer"},
            "number": {"type": "integer", "example": 1347},
            "title": {"type": "string"},
            "labels": {"type": "array", "items": {"oneOf": [{"type": "string"}, {}]}},
            "assignees": {"type": "array", "items": {"properties": {"login": {"type": "string"}}}},
        },
    },
}


@pytest.fixture(scope="module")
def operations() -> Operations:
    return Operations({"paths": PATHS, "components": {"schemas": SCHEMAS}})


@pytest.fixture(scope="module")
def plain() -> Operations:
    """Give an API without an envelope."""
    return Operations({"paths": PLAIN_PATHS, "components": {"schemas": SCHEMAS}})


def send(operations: Operations, method: str, path: str, body: object = None) -> Response:
    content = None if body is None else json.dumps(body).encode()
    request = Request(method, path, headers={"content-type": "application/json"}, content=content)
    return make(make_action(request, operation=operations.match(method, path)), operations)


def read(operations: Operations, method: str, path: str, body: object = None) -> Any:
    return json.loads(send(operations, method, path, body).body)


def test_a_created_thing_has_the_values_of_its_request(operations: Operations) -> None:
    sent = {"type": "SRV", "name": "_sip", "data": {"port": 5060}, "ttl": 60, "unknown": 1}
    answer = read(operations, "POST", f"/zones/{ZONE}/dns_records", sent)
    assert answer["dry_run"] is True
    assert answer["success"] is True
    assert answer["errors"] == []
    assert "error" not in answer
    result = answer["result"]
    assert {key: result[key] for key in ("type", "name", "data", "ttl")} == {
        "type": "SRV",
        "name": "_sip",
        "data": {"port": 5060},
        "ttl": 60,
    }
    assert "unknown" not in result
    assert result["zone_id"] == ZONE
    assert (result["made_on"], result["kind"]) == ("2025-01-01T00:00:00Z", "plain")
    assert result["locked"] is False
    assert result["labels"] == [{"text": "dry-run"}]


def test_two_created_things_have_ids_of_their_own(operations: Operations) -> None:
    """In the form of the example; the same request gives the same id."""
    path = f"/zones/{ZONE}/dns_records"
    one, two, again = (
        read(operations, "POST", path, {"name": name})["result"]["id"] for name in ("a", "b", "a")
    )
    assert one == again != two
    assert re.fullmatch(r"[0-9a-f]{32}", one)
    assert one != ZONE


def test_values_that_do_not_fit_are_not_taken_over(operations: Operations) -> None:
    answer = read(operations, "POST", f"/zones/{ZONE}/dns_records", {"name": 5, "kind": "none"})
    assert answer["result"]["name"] == "example.com"
    assert answer["result"]["kind"] == "plain"


def test_a_list_of_results_holds_one(operations: Operations) -> None:
    answer = read(operations, "PUT", f"/zones/{ZONE}/dns_records", {"name": "www"})
    assert [item["name"] for item in answer["result"]] == ["www"]


def test_the_id_at_the_end_of_the_path_is_the_id_of_the_result(operations: Operations) -> None:
    answer = read(operations, "DELETE", f"/zones/{ZONE}/dns_records/372e67954025e0ba")
    assert answer == {
        "success": True,
        "errors": [],
        "messages": [],
        "result": {"id": "372e67954025e0ba"},
        "dry_run": True,
    }


def test_the_number_in_the_path_is_a_number_and_no_id(plain: Operations) -> None:
    answer = read(plain, "PATCH", "/issues/7", {"title": "Mended"})
    assert (answer["number"], answer["title"]) == (7, "Mended")
    assert answer["id"] != 7


def test_the_status_is_that_of_the_document(plain: Operations) -> None:
    assert send(plain, "POST", "/issues", {}).status == 201
    assert send(plain, "PATCH", "/issues/7").status == 200
    assert send(plain, "POST", "/words").status == 200


def test_lists_are_echoed_where_their_items_fit(plain: Operations) -> None:
    answer = read(plain, "POST", "/issues", {"labels": ["bug"], "assignees": ["me"]})
    assert answer["labels"] == ["bug"]
    assert answer["assignees"] == [{"login": "dry-run"}]


def test_an_answer_without_content_is_empty(plain: Operations) -> None:
    response = send(plain, "DELETE", "/issues/7")
    assert (response.status, response.body) == (204, b"")
    assert response.headers["x-dry-run"] == "true"


def test_every_stand_in_is_marked(plain: Operations) -> None:
    assert [item["dry_run"] for item in read(plain, "POST", "/lists")] == [True]
    words = send(plain, "POST", "/words")
    assert isinstance(json.loads(words.body), str)
    assert words.headers["x-dry-run"] == "true"


def test_without_a_schema_the_request_is_echoed_in_the_envelope_of_the_api(
    operations: Operations,
) -> None:
    path = f"/zones/{ZONE}/dns_records/372e67954025e0ba"
    answer = read(operations, "PATCH", path, {"name": "www"})
    assert answer["success"] is True
    assert answer["result"]["name"] == "www"
    assert answer["result"]["id"] == "372e67954025e0ba"
    assert read(operations, "PUT", "/unknown", {"a": 1})["result"] == {"a": 1}


def test_an_api_without_an_envelope_gets_none(plain: Operations) -> None:
    assert read(plain, "PUT", "/unknown", {"a": 1}) == {"a": 1, "dry_run": True}


def test_examples_beside_a_schema_are_used() -> None:
    content = {"schema": {"properties": {"id": {"type": "integer"}}}, "example": {"id": 9, "b": 2}}
    item = {"post": {"responses": {"200": {"content": {"application/json": content}}}}}
    operations = Operations({"paths": {"/a": item}})
    assert read(operations, "POST", "/a") == {"id": 9, "b": 2, "dry_run": True}


def test_hostile_documents_and_bodies_give_small_stand_ins() -> None:
    reference = "#/components/schemas/"
    deep: dict[str, Any] = {}
    # A deeper body is not parsed at all.
    body_depth = 900
    deep_body: dict[str, Any] = {}
    for level in range(2000):
        deep = {"a": deep}
        deep_body = deep if level < body_depth else deep_body
    schemas: dict[str, Any] = {
        "wide": {
            "required": [f"p{i}" for i in range(3000)],
            "properties": {f"p{i}": {"$ref": reference + "wide"} for i in range(3000)},
        },
        "many": {"oneOf": [{"properties": {f"p{i}": {}, "a": {}}} for i in range(10_000)]},
        "cycle": {
            "allOf": [{"$ref": reference + "cycle"}],
            "anyOf": [{"$ref": reference + "cycle"}],
        },
        "lists": {"type": "array", "items": {"$ref": reference + "lists"}},
        "example": {"type": "object", "example": deep},
        "nonsense": {"type": [3], "properties": 1, "items": 2, "minimum": "x", "format": []},
        "open": {},
    }
    paths = {f"/{n}": {"post": answers({"$ref": reference + n})} for n in schemas}
    operations = Operations({"paths": paths, "components": {"schemas": schemas}})
    for name in schemas:
        for body in (
            deep_body,
            [deep_body] * 100,
            {f"p{i}": "x" * 5000 for i in range(500)},
            float("nan"),
        ):
            response = send(operations, "POST", f"/{name}", body)
            assert len(response.body) < 1_000_000
            json.loads(response.body, parse_constant=pytest.fail)


def test_every_write_of_cloudflares_own_document_has_a_stand_in() -> None:
    if not OFFICIAL.exists():
        pytest.skip(f"{OFFICIAL} is not here")
    operations = Operations(json.loads(OFFICIAL.read_bytes()))
    path = f"/zones/{ZONE}/dns_records"
    sent = {"type": "CNAME", "name": "www", "content": "example.com", "proxied": True}
    result = read(operations, "POST", path, sent)["result"]
    assert sent.items() <= result.items()
    assert read(operations, "DELETE", f"{path}/{result['id']}")["result"]["id"] == result["id"]
    for one in operations:
        if one.method not in ("GET", "HEAD"):
            response = send(operations, one.method, re.sub(r"\{[^{}]*\}", "a1b2", one.path))
            assert len(response.body) < 100_000
