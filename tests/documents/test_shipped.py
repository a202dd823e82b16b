"""The Cloudflare spec that comes with pymode: whole, true to the facts, in its own words."""

import functools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from paths import REPOSITORY, SHARED_SPECS

SHIPPED = REPOSITORY / "specs" / "cloudflare.json"
OFFICIAL = SHARED_SPECS / "cloudflare-2024-08.json"

METHODS = {"get", "put", "post", "patch", "delete", "head", "options", "trace"}
# Described from its own documentation: the official document leaves it out.
OWN_PATHS = {"/graphql"}
SHORT_TEXT_WORDS = 5

PRODUCTS = {
    "accounts": "/accounts/{account_id}/members",
    "user": "/user",
    "tokens": "/user/tokens/verify",
    "zones": "/zones/{zone_id}",
    "DNS records": "/zones/{zone_id}/dns_records/{dns_record_id}",
    "rulesets": "/zones/{zone_id}/rulesets/{ruleset_id}/rules",
    "WAF": "/zones/{zone_id}/firewall/waf/packages",
    "firewall": "/zones/{zone_id}/firewall/access_rules/rules",
    "cache": "/zones/{zone_id}/purge_cache",
    "SSL": "/zones/{zone_id}/ssl/certificate_packs",
    "Workers scripts": "/accounts/{account_id}/workers/scripts/{script_name}",
    "Workers routes": "/zones/{zone_id}/workers/routes",
    "KV": "/accounts/{account_id}/storage/kv/namespaces/{namespace_id}/values/{key_name}",
    "R2": "/accounts/{account_id}/r2/buckets",
    "D1": "/accounts/{account_id}/d1/database/{database_id}/query",
    "Queues": "/accounts/{account_id}/queues",
    "Pages": "/accounts/{account_id}/pages/projects",
    "Access": "/accounts/{account_id}/access/apps",
    "tunnels": "/accounts/{account_id}/cfd_tunnel",
    "load balancers": "/zones/{zone_id}/load_balancers",
    "Stream": "/accounts/{account_id}/stream",
    "Images": "/accounts/{account_id}/images/v1",
    "AI": "/accounts/{account_id}/ai/run/{model_name}",
    "logs": "/zones/{zone_id}/logpush/jobs",
    "GraphQL analytics": "/graphql",
}


@functools.cache
def shipped() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(SHIPPED.read_text("utf-8"))
    return document


@functools.cache
def official() -> dict[str, Any]:
    if not OFFICIAL.exists():
        pytest.skip("the official document is not on this machine")
    document: dict[str, Any] = json.loads(OFFICIAL.read_text("utf-8"))
    return document


def resolve(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """Follow the references of a node until it is a thing of its own."""
    while "$ref" in node:
        found: Any = document
        for key in node["$ref"].removeprefix("#/").split("/"):
            found = found[key.replace("~1", "/").replace("~0", "~")]
        node = found
    return node


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (method, path, operation) of a document."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield method, path, operation


def parameters(
    document: dict[str, Any], path: str, operation: dict[str, Any]
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the parameters of an operation, those of its path included, by (in, name)."""
    listed = [*document["paths"][path].get("parameters", []), *operation.get("parameters", [])]
    resolved = [resolve(document, parameter) for parameter in listed]
    return {(parameter["in"], parameter["name"]): parameter for parameter in resolved}


def shape(path: str) -> str:
    """Return a path without the names of its placeholders."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def counterparts() -> Iterator[tuple[str, str, dict[str, Any], str, dict[str, Any]]]:
    """Yield (method, path, operation, official path, its operation); fail if one is made up."""
    known = {(method, shape(path)): (path, found) for method, path, found in operations(official())}
    for method, path, operation in operations(shipped()):
        if path not in OWN_PATHS:
            assert (method, shape(path)) in known, f"{method} {path} is made up"
            yield method, path, operation, *known[method, shape(path)]


def nodes(node: Any, pointer: str = "#") -> Iterator[tuple[str, Any]]:
    """Yield every value of a document with its pointer."""
    yield pointer, node
    if isinstance(node, dict):
        for key, value in node.items():
            yield from nodes(value, f"{pointer}/{key}")
    elif isinstance(node, list):
        for position, value in enumerate(node):
            yield from nodes(value, f"{pointer}/{position}")


def sentences(document: dict[str, Any]) -> set[str]:
    """Return every summary, description and title, whole and by sentence, as bare words."""
    found: set[str] = set()
    for pointer, value in nodes(document):
        name = pointer.rsplit("/", 1)[-1]
        if name in {"summary", "description", "title"} and isinstance(value, str):
            found.update(words(part) for part in [value, *re.split(r"[.;:\n]\s*", value)])
    return found


def words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def test_it_is_openapi_3_0_with_a_server_and_a_bearer_token() -> None:
    document = shipped()
    assert document["openapi"] == "3.0.3"
    assert document["info"]["title"]
    assert document["info"]["version"]
    assert document["servers"] == [{"url": "https://api.cloudflare.com/client/v4"}]
    token = document["components"]["securitySchemes"]["api_token"]
    assert (token["type"], token["scheme"]) == ("http", "bearer")
    assert {"api_token": []} in document["security"]


def test_it_says_where_the_complete_document_is() -> None:
    assert "pymode spec pull" in shipped()["info"]["description"]


def test_the_file_is_written_one_way() -> None:
    """One way of writing keeps differences between versions readable."""
    text = SHIPPED.read_text("utf-8")
    assert text == json.dumps(shipped(), indent=1, ensure_ascii=False) + "\n"
    assert len(text.encode()) < 600_000


def test_every_reference_resolves() -> None:
    for pointer, node in nodes(shipped()):
        if isinstance(node, dict) and isinstance(node.get("$ref"), str):
            assert resolve(shipped(), node), pointer


def test_every_component_is_used() -> None:
    used = {node for pointer, node in nodes(shipped()) if pointer.endswith("/$ref")}
    for kind in ("schemas", "responses", "parameters"):
        for name in shipped()["components"][kind]:
            assert f"#/components/{kind}/{name}" in used


def test_there_are_at_least_150_operations() -> None:
    assert sum(1 for _ in operations(shipped())) >= 150


def test_the_readme_counts_the_operations() -> None:
    readme = (SHIPPED.parent / "README.md").read_text("utf-8")
    assert f"{sum(1 for _ in operations(shipped()))} operations" in readme


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for _, _, operation in operations(shipped())]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("product", PRODUCTS)
def test_each_product_is_covered(product: str) -> None:
    assert PRODUCTS[product] in shipped()["paths"]


def test_every_operation_has_a_summary_tags_and_answers() -> None:
    for method, path, operation in operations(shipped()):
        where = f"{method} {path}"
        assert operation["summary"].strip(), where
        assert operation["tags"], where
        assert any(status.startswith("2") for status in operation["responses"]), where
        assert "4XX" in operation["responses"], where
        for answer in operation["responses"].values():
            assert resolve(shipped(), answer)["description"], where


def test_every_placeholder_is_a_required_path_parameter_and_nothing_else_is() -> None:
    for method, path, operation in operations(shipped()):
        declared = parameters(shipped(), path, operation)
        in_path = {name for where, name in declared if where == "path"}
        assert in_path == set(re.findall(r"\{([^}]+)\}", path)), f"{method} {path}"
        for (where, name), parameter in declared.items():
            assert parameter["schema"], f"{method} {path} {name}"
            assert where != "path" or parameter["required"] is True


def test_required_properties_are_described() -> None:
    for pointer, node in nodes(shipped()["components"]["schemas"]):
        if isinstance(node, dict) and isinstance(node.get("required"), list):
            assert set(node["required"]) <= set(node.get("properties", {})), pointer


def test_answers_that_are_not_json_say_so() -> None:
    """Values, images and zone files come as they are, without the envelope."""
    paths = shipped()["paths"]
    account = "/accounts/{account_id}"
    value = f"{account}/storage/kv/namespaces/{{namespace_id}}/values/{{key_name}}"
    raw = {
        value: "application/octet-stream",
        f"{account}/images/v1/{{image_id}}/blob": "image/*",
        "/zones/{zone_id}/dns_records/export": "text/plain",
    }
    for path, media_type in raw.items():
        assert media_type in paths[path]["get"]["responses"]["200"]["content"]
    script = paths[f"{account}/workers/scripts/{{script_name}}"]["put"]
    assert "multipart/form-data" in script["requestBody"]["content"]
    assert "application/octet-stream" in paths[value]["put"]["requestBody"]["content"]


def test_operations_agree_with_the_official_document() -> None:
    for method, path, operation, _, found in counterparts():
        where = f"{method} {path}"
        assert operation["operationId"] == found["operationId"], where
        assert operation["tags"] == found["tags"], where
        assert bool(operation.get("deprecated")) == bool(found.get("deprecated")), where
        expected = {status for status in found["responses"] if status.startswith("2")}
        assert expected == set(operation["responses"]) - {"4XX"}, where


def test_parameters_agree_with_the_official_document() -> None:
    """Placeholders may be called otherwise; all other parameters are the same ones."""
    for method, path, operation, official_path, found in counterparts():
        where = f"{method} {path}"
        ours = parameters(shipped(), path, operation)
        theirs = parameters(official(), official_path, found)
        names = {key for key in ours if key[0] != "path"}
        assert names == {key for key in theirs if key[0] != "path"}, where
        for key in names:
            assert bool(ours[key].get("required")) == bool(theirs[key].get("required")), where


def test_no_text_is_copied_from_the_official_document() -> None:
    """A few words such as "Create a page rule" can hardly be said otherwise; more can."""
    shared = sentences(shipped()) & sentences(official())
    assert [text for text in shared if len(text.split()) > SHORT_TEXT_WORDS] == []
