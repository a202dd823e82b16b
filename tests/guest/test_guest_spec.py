"""The document as the code sees it: references, parameters, tags, recursion."""

import json

import pytest
from paths import SHARED_SPECS

from guest.spec import lay_out

SPECS = SHARED_SPECS


@pytest.fixture
def load_document():
    def load_it(document):
        return lay_out(json.loads(json.dumps(document)))

    return load_it


def make(paths, **more):
    return {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths, **more}


def schemas(**named):
    return {"components": {"schemas": named}}


def test_an_operation_keeps_what_it_has_and_gains_nothing(load_document):
    operation = {
        "operationId": "a",
        "summary": "s",
        "deprecated": True,
        "security": [{"key": []}],
        "responses": {"200": {"description": "fine"}},
        "x-group": ["dns"],
    }
    spec, _ = load_document(make({"/user": {"get": operation, "delete": {}}}))
    assert spec["paths"] == {"/user": {"get": operation, "delete": {}}}
    assert list(spec["paths"]["/user"]["get"]) == list(operation)


def test_the_rest_of_the_document_is_kept(load_document):
    document = make(
        {}, servers=[{"url": "https://a.example/v1"}], tags=[{"name": "x"}], security=[]
    )
    assert load_document(document)[0] == document


def test_parameters_of_a_path_belong_to_its_operations_and_give_way_to_their_own(load_document):
    def parameter(name, place, text):
        return {"name": name, "in": place, "description": text}

    shared = [parameter("id", "path", "shared"), parameter("page", "query", "shared")]
    own = [parameter("page", "query", "own"), parameter("id", "query", "own")]
    item = {"parameters": shared, "get": {"parameters": own}, "delete": {}}
    methods = load_document(make({"/x/{id}": item}))[0]["paths"]["/x/{id}"]
    assert methods["get"]["parameters"] == [shared[0], *own]
    assert methods["delete"]["parameters"] == shared


def test_a_parameter_behind_a_reference_overrides_by_its_name(load_document):
    page = {"name": "page", "in": "query", "description": "referred to"}
    item = {
        "parameters": [{"name": "page", "in": "query", "description": "shared"}],
        "get": {"parameters": [{"$ref": "#/components/parameters/page"}]},
    }
    document = make({"/x": item}, components={"parameters": {"page": page}})
    assert load_document(document)[0]["paths"]["/x"]["get"]["parameters"] == [page]


def test_path_items_hold_operations_only(load_document):
    servers = [{"url": "https://uploads.example"}]
    item = {"summary": "s", "description": "d", "servers": servers, "x-a": 1, "get": {}}
    spec, _ = load_document(make({"/a": item, "x-note": "not a path"}))
    assert spec["paths"] == {"/a": {"get": {"servers": servers}}}


@pytest.mark.parametrize(
    ("path", "tags"),
    [
        ("/accounts/{account_id}/workers/scripts/{name}", ["workers"]),
        ("/accounts/{account_identifier}/d1", ["d1"]),
        ("/zones/{zone_identifier}/dns_records", ["dns_records"]),
        ("/zones/{identifier}/settings/{name}", ["settings"]),
        ("/{accounts_or_zones}/{account_or_zone_id}/access/apps", ["access"]),
        ("/v4/{zone_id}/rulesets", ["rulesets"]),
        ("/accounts/{account_id}", None),
        ("/zones/{zone_id}/{other}", None),
        ("/user/tokens/{token_id}/value", None),
        ("/apps/{account_app_id}/bindings", None),
    ],
)
def test_the_product_is_a_tag(load_document, path, tags):
    operation = load_document(make({path: {"get": {}}}))[0]["paths"][path]["get"]
    assert operation.get("tags") == tags


def test_the_product_joins_other_tags_once(load_document):
    path = "/zones/{zone_id}/cache"
    item = {"get": {"tags": ["Zone cache"]}, "put": {"tags": ["cache", "Zone cache"]}}
    methods = load_document(make({path: item}))[0]["paths"][path]
    assert methods["get"]["tags"] == ["Zone cache", "cache"]
    assert methods["put"]["tags"] == ["cache", "Zone cache"]


def test_a_shared_schema_is_one_object_and_no_recursion(load_document):
    reference = {"$ref": "#/components/schemas/Zone"}
    document = make({}, **schemas(Zone={"type": "object"}, Two={"allOf": [reference, reference]}))
    spec, pointers = load_document(document)
    found = spec["components"]["schemas"]
    assert found["Two"]["allOf"][0] is found["Two"]["allOf"][1] is found["Zone"]
    assert pointers == {}


def test_a_recursive_schema_is_a_cycle_with_its_pointer(load_document):
    tree = {"properties": {"children": {"items": {"$ref": "#/components/schemas/Tree"}}}}
    user = {"properties": {"tree": {"$ref": "#/components/schemas/Tree"}}}
    spec, pointers = load_document(make({}, **schemas(User=user, Tree=tree)))
    found = spec["components"]["schemas"]["Tree"]
    assert found["properties"]["children"]["items"] is found
    assert pointers == {id(found): "#/components/schemas/Tree"}


def test_recursion_through_several_schemas_and_beside_descriptions_is_found(load_document):
    a = {"properties": {"b": {"$ref": "#/components/schemas/B", "description": "the b of an a"}}}
    b = {"type": "object", "properties": {"a": {"$ref": "#/components/schemas/A"}}}
    spec, pointers = load_document(make({}, **schemas(A=a, B=b)))
    found = spec["components"]["schemas"]["A"]
    beside = found["properties"]["b"]
    assert beside["description"] == "the b of an a"
    assert beside["properties"]["a"] is found
    assert pointers == {id(found): "#/components/schemas/A", id(beside): "#/components/schemas/B"}


def test_a_chain_of_ten_thousand_references_is_resolved(load_document):
    count = 10_000
    named = {
        f"S{n}": {"properties": {"next": {"$ref": f"#/components/schemas/S{n + 1}"}}}
        for n in range(count)
    }
    spec, pointers = load_document(make({}, **schemas(**named, **{f"S{count}": {"type": "null"}})))
    node = spec["components"]["schemas"]["S0"]
    for _ in range(count):
        node = node["properties"]["next"]
    assert node == {"type": "null"}
    assert pointers == {}


def test_references_to_references_and_into_paths_are_resolved(load_document):
    responses = {"200": {"description": "fine"}}
    paths = {
        "/a/{id}": {"get": {"responses": responses}},
        "/b": {"get": {"responses": {"200": {"$ref": "#/paths/~1a~1%7Bid%7D/get/responses/200"}}}},
        "/c": {"$ref": "#/components/pathItems/Item"},
    }
    components = {
        "pathItems": {"Item": {"get": {"summary": "from afar"}}},
        "schemas": {"A": {"$ref": "#/components/schemas/B"}, "B": {"type": "string"}},
    }
    spec, _ = load_document(make(paths, components=components))
    assert spec["paths"]["/b"]["get"]["responses"] == responses
    assert spec["paths"]["/c"] == {"get": {"summary": "from afar"}}
    assert spec["components"]["schemas"]["A"] == {"type": "string"}


def test_what_only_looks_like_a_reference_stays(load_document):
    document = make(
        {},
        **schemas(
            Named={"properties": {"$ref": {"type": "string"}}},
            Data={"example": {"$ref": "#/nowhere/at/all"}},
            Far={"example": {"$ref": "https://a.example/x.json#/y"}},
            Round={"example": {"$ref": "#/components/schemas/Round/example"}},
        ),
    )
    assert load_document(document)[0] == document


def test_no_two_operations_share_their_tags(load_document):
    spec, _ = load_document(make({"/a": {"get": {"tags": ["x"]}, "put": {"tags": ["x"]}}}))
    spec["paths"]["/a"]["get"]["tags"].append("y")
    assert spec["paths"]["/a"]["put"]["tags"] == ["x"]


def test_a_real_document_loads_whole(load_document):
    path = SPECS / "cloudflare-2024-08.json"
    if not path.exists():
        pytest.skip("needs ../shared/specs, which is not part of the repository")
    document = json.loads(path.read_bytes())
    spec, pointers = load_document(document)
    assert list(spec["paths"]) == list(document["paths"])
    assert sum(map(len, spec["paths"].values())) == 1533
    assert list(pointers.values()) == ["#/components/schemas/request-tracer_trace"]
    create = spec["paths"]["/zones/{zone_id}/dns_records"]["post"]
    assert "dns_records" in create["tags"]
    assert {parameter["name"] for parameter in create["parameters"]} == {"zone_id"}
    assert "$ref" not in create["requestBody"]["content"]["application/json"]["schema"]
