"""Specs: found, fetched, cached and checked."""

import asyncio
import contextlib
import json
import os
import random
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from paths import SHARED_SPECS

from pymode import data
from pymode.documents import MAX_SPEC_BYTES, Document, Spec, load, pull, shipped
from pymode.errors import SpecError

SHARED = SHARED_SPECS


def minimal(**more: Any) -> dict[str, Any]:
    """Return the smallest document that counts as an API, with more keys."""
    paths = {"/things": {"get": {"operationId": "list", "responses": {}}}}
    return {"openapi": "3.0.3", "info": {"title": "Things", "version": "1"}, "paths": paths, **more}


def schemas(**schemas: Any) -> dict[str, Any]:
    return minimal(components={"schemas": schemas})


def parse(document: object, url: str | None = None) -> Document:
    if isinstance(document, dict):
        document = json.dumps(document)
    raw = document.encode() if isinstance(document, str) else document
    assert isinstance(raw, bytes)
    return Spec("test", "test", raw, url=url).parse()


def complain(document: object) -> str:
    with pytest.raises(SpecError) as caught:
        parse(document)
    return str(caught.value)


class Site:
    """A real HTTP server on loopback whose answers a test sets, with what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.body = json.dumps(minimal()).encode()
        self.headers: dict[str, str] = {"etag": '"one"'}
        self.asked: list[tuple[str, dict[str, str]]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                sent = {name.lower(): value for name, value in self.headers.items()}
                site.asked.append((self.path, sent))
                etag = site.headers.get("etag")
                same = site.status == 200 and etag and sent.get("if-none-match") == etag
                body = b"" if same else site.body
                self.send_response(304 if same else site.status)
                for name, value in site.headers.items():
                    self.send_header(name, value)
                if not same:
                    self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Stay quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.base = f"http://127.0.0.1:{self._server.server_port}"
        self._closed = False

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._server.shutdown()
            self._thread.join(10)
            self._server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def fetch(tmp_path: Path) -> Any:
    return lambda url: asyncio.run(load(url, cache_folder=tmp_path / "cache"))


# Reading


def test_a_document_is_read_whole() -> None:
    document = parse(minimal(servers=[{"url": "https://api.example.com/v1/"}]))
    assert document.base_url == "https://api.example.com/v1"
    assert (document.title, document.version, document.operations) == ("Things", "1", 1)
    assert json.loads(document.content)["paths"] == minimal()["paths"]


def test_yaml_means_what_openapi_says_it_means() -> None:
    """YAML 1.2: dates, on/off and country codes stay strings, keys are always strings."""
    text = """
        openapi: 3.1
        paths:
          /a: {get: {responses: {200: {description: ok}}}}
        x-values: [2024-08-06, on, NO, ~, null, true, 12, -1.5, "7", !!str 8, 0x1F, 1e3, 1.2.3]
        x-base: &base {a: 1, b: 2}
        x-more: {<<: *base, b: 3}
        x-again: *base
        """
    content = json.loads(parse(text).content)
    values = ["2024-08-06", "on", "NO", None, None, True, 12, -1.5, "7", "8", 31, 1000.0, "1.2.3"]
    assert content["openapi"] == "3.1"
    assert content["x-values"] == values
    assert content["x-more"] == {"a": 1, "b": 3}
    assert content["x-again"] == {"a": 1, "b": 2}
    assert content["paths"]["/a"]["get"]["responses"] == {"200": {"description": "ok"}}


def test_a_byte_order_mark_is_no_hindrance() -> None:
    assert parse(b"\xef\xbb\xbf" + json.dumps(minimal()).encode()).operations == 1


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (b"", "empty"),
        (json.dumps(minimal()).encode("utf-16"), "UTF-16"),
        (json.dumps(minimal()).encode("utf-16-le"), "UTF-16"),
        (b"openapi: \xff", "UTF-8"),
        ("<!DOCTYPE html><title>Sign in</title>", "HTML"),
        ("[1, 2]", "not a mapping"),
        ("just a sentence", "not a mapping"),
        ('{"openapi": "3.0.0", "paths": NaN}', "NaN"),
        ('{"openapi": 1' + "0" * 5000 + "}", "digits"),
        (json.dumps(minimal())[:-1] + ', "x": 1e999}', "beyond"),
        ("a: 1\nb: 2\na: 3", "twice"),
        ("a: 1\n---\nb: 2", "second document"),
        ("a: !!python/object:os.system {}", "tag"),
        ("a: !secret x", "tag"),
        ("a: *b", "alias"),
        ("a: &a [*a]", "alias"),
        ("[a]: 1", "key"),
        ("a: 1\n\tb: 2\nc: 3", "line 2"),
        ({"swagger": "2.0", "paths": {}}, "Swagger 2.0; only OpenAPI 3.0 and 3.1"),
        (minimal(openapi="3.2.0"), "only OpenAPI 3.0 and 3.1"),
        (minimal(openapi=4), "only OpenAPI 3.0 and 3.1"),
        ({"name": "package", "version": "1"}, "no `openapi` key"),
        ({"openapi": "3.1.0", "webhooks": {}}, "no `paths`"),
        (minimal(paths={}), "no operations"),
        (minimal(paths={"/a": []}), "'/a'"),
        (minimal(paths={"/a": {"get": None}}), "get '/a'"),
    ],
)
def test_what_is_not_an_openapi_document_is_refused_with_its_reason(
    document: object, words: str
) -> None:
    assert words in complain(document)


@pytest.mark.parametrize("cut", [1, 2, 20, 60, 100])
def test_truncated_json_is_called_truncated_with_its_place(cut: int) -> None:
    message = complain(json.dumps(minimal(), indent=1)[:-cut])
    assert "truncated" in message
    assert "line " in message


def test_truncated_yaml_is_called_truncated() -> None:
    assert "truncated" in complain('openapi: 3.0.0\npaths:\n  /a: {get: {summary: "List')


def test_json_with_a_fault_inside_is_not_called_truncated() -> None:
    message = complain('{\n"openapi": "3.0.0",\n"paths": {]}\n}')
    assert "line 3, column 11" in message
    assert "truncated" not in message


@pytest.mark.parametrize(
    "document",
    [
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        json.dumps(minimal())[:-1] + ',"x":' + "[" * 150 + "]" * 150 + "}",
        "[" * 100_000 + "]" * 100_000,
        "- " * 100_000,
        "? " * 100_000,
    ],
    ids=["json", "shallower json", "yaml flow", "yaml block", "yaml keys"],
)
def test_a_document_nested_too_deep_is_refused(document: str) -> None:
    assert "nested" in complain(document)


def test_a_bomb_of_aliases_is_refused() -> None:
    """Three hundred bytes that unfold to gigabytes."""
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [
        f"{b}: &{b} [{','.join(['*' + a] * 9)}]"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    assert "aliases" in complain("\n".join(lines))


def test_damaged_documents_never_end_in_anything_but_a_spec_error() -> None:
    """Bytes flipped, cut and repeated, in both notations."""
    chance = random.Random(7)
    as_json = json.dumps(schemas(A={"$ref": "#/components/schemas/B"}, B={"type": "object"}))
    as_yaml = 'openapi: 3.0.0\npaths: &p\n  /a: {get: {x: "y", z: !!str 1}}\nb: *p\n'
    for _ in range(600):
        raw = bytearray(chance.choice([as_json, as_yaml]).encode())
        for _ in range(chance.randrange(1, 6)):
            place = chance.randrange(len(raw))
            raw[place : place + chance.randrange(3)] = bytes(
                chance.choices(b'{}[]":,#$&*!|>%@`\\\n\t -~\x00\xff01a', k=chance.randrange(4))
            )
        with contextlib.suppress(SpecError):
            parse(bytes(raw))


# References


@pytest.mark.parametrize(
    "reference",
    ["#/components/schemas/A~1b", "#/components/schemas/c%20d", "#/components/schemas/e~0f", "#",
     "#/paths/~1things/get", "#/paths/%7E1things", "#/components/schemas/L/anyOf/1"],
)  # fmt: skip
def test_a_pointer_with_escapes_resolves(reference: str) -> None:
    listed = {"anyOf": [{}, {"type": "string"}]}
    names: dict[str, Any] = {"A/b": {}, "c d": {}, "e~f": {}, "L": listed}
    assert parse(schemas(**names, X={"items": {"$ref": reference}})).operations == 1


@pytest.mark.parametrize(
    "reference", ["#/components/schemas/Nope", "#/paths/things", "#/components/schemas/L/anyOf/-1",
                  "#/components/schemas/L/anyOf/9", "#/openapi/x"],
)  # fmt: skip
def test_a_reference_to_nothing_is_refused_with_its_pointer(reference: str) -> None:
    message = complain(schemas(L={"anyOf": [{}]}, **{"a/b": {"items": {"$ref": reference}}}))
    assert "#/components/schemas/a~1b/items" in message
    assert repr(reference) in message


@pytest.mark.parametrize("reference", ["common.yaml#/A", "https://example.com/a.json", "#Anchor"])
def test_a_reference_to_another_document_asks_for_a_bundle(reference: str) -> None:
    assert "bundle" in complain(schemas(A={"$ref": reference}))


def test_a_circle_of_references_alone_is_refused() -> None:
    circle = {name: {"$ref": f"#/components/schemas/{to}"} for name, to in ("AB", "BC", "CA")}
    assert "circle" in complain(schemas(**circle))
    assert "circle" in complain(schemas(A={"$ref": "#/components/schemas/A/properties/x"}))


def test_a_recursive_schema_is_fine() -> None:
    tree = {"properties": {"children": {"items": {"$ref": "#/components/schemas/Tree"}}}}
    assert parse(schemas(Tree=tree)).operations == 1


def test_a_reference_may_lead_through_another() -> None:
    names = {
        "Real": {"properties": {"id": {"type": "string"}}},
        "Alias": {"$ref": "#/components/schemas/Real"},
        "User": {"$ref": "#/components/schemas/Alias/properties/id"},
    }
    assert parse(schemas(**names)).operations == 1


def test_a_property_called_ref_is_not_a_reference() -> None:
    assert parse(schemas(A={"properties": {"$ref": {"type": "string"}}})).operations == 1


def test_a_reference_in_data_that_leads_nowhere_is_kept_as_data() -> None:
    """Examples may quote a `$ref`; a property that is called `example` is no example."""
    quoted = {"$ref": "other.yaml"}
    document = schemas(A={"example": quoted, "enum": [quoted], "x-note": quoted, "default": quoted})
    document["paths"]["/things"]["get"]["responses"] = {
        "default": {"content": {"application/json": {"examples": {"one": {"value": quoted}}}}}
    }
    text = parse(document).content.decode()
    assert text.count('{"$ref_":"other.yaml"}') == 5
    assert "#/components/schemas/A/properties/example" in complain(
        schemas(A={"properties": {"example": quoted}})
    )


def test_operations_behind_a_path_reference_count() -> None:
    item = {"get": {"responses": {}}, "post": {"responses": {}}, "parameters": []}
    document = minimal(paths={"/a": {"$ref": "#/components/pathItems/A"}, "x-note": 1})
    assert parse({**document, "components": {"pathItems": {"A": item}}}).operations == 2


# Base URL


@pytest.mark.parametrize(
    ("server", "url", "base_url"),
    [
        ({"url": "https://a.example/v4"}, None, "https://a.example/v4"),
        ({"url": "/v2/"}, "https://b.example/docs/openapi.json", "https://b.example/v2"),
        ({"url": "v2"}, "https://b.example/docs/openapi.json", "https://b.example/docs/v2"),
        ({"url": "/v2"}, None, None),
        ({"url": "https://{region}.example", "variables": {"region": {"default": "eu"}}}, None,
         "https://eu.example"),
        ({"url": "https://{region}.example"}, None, None),
        ({"url": "ftp://a.example"}, None, None),
        ({"url": "https://[broken"}, None, None),
        (None, "https://b.example/openapi.json", None),
        ("https://a.example", None, None),
    ],
)  # fmt: skip
def test_the_first_server_gives_the_base_url(server: Any, url: str | None, base_url: str) -> None:
    servers = [server, {"url": "https://second.example"}] if server else []
    assert parse(minimal(servers=servers), url).base_url == base_url


# Files, names, mappings


@pytest.mark.parametrize(
    ("file_name", "name"),
    [
        ("github.json", "github"),
        ("api.github.com.json", "github"),
        ("stripe-openapi-v3.yaml", "stripe"),
        ("Pet Store.yml", "pet_store"),
        ("openapi.json", "api"),
        ("class.json", "class_api"),
        ("list.json", "list_api"),
        ("1password.json", "api_1password"),
    ],
)
def test_a_file_gives_the_namespace_its_name(tmp_path: Path, file_name: str, name: str) -> None:
    path = tmp_path / file_name
    path.write_text(json.dumps(minimal()))
    spec = asyncio.run(load(str(path)))
    assert spec.name == name
    assert spec.name.isidentifier()
    assert spec.parse().operations == 1


def test_loading_does_not_read_what_the_file_says(tmp_path: Path) -> None:
    """A restart with a built image must not wait for a parser."""
    path = tmp_path / "broken.json"
    path.write_text("{broken")
    spec = asyncio.run(load(path))
    assert spec.raw == b"{broken"
    with pytest.raises(SpecError, match=r"broken\.json: the spec"):
        spec.parse()


def test_a_file_over_the_cap_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(600 * 1024 * 1024)
    with pytest.raises(SpecError, match="600 MiB; a spec may have 512 MiB"):
        asyncio.run(load(path))


def test_folders_pipes_and_missing_files_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused = {
        str(tmp_path): "folder",
        str(tmp_path / "pipe"): "regular",
        str(tmp_path / "none.json"): "no file",
        "a\0b": "cannot be read",
    }
    for path, words in refused.items():
        with pytest.raises(SpecError, match=words):
            asyncio.run(load(path))


def test_an_unknown_name_lists_the_shipped_ones() -> None:
    with pytest.raises(SpecError, match="no shipped spec 'nothing-like-it'") as caught:
        asyncio.run(load("nothing-like-it"))
    assert all(name in str(caught.value) for name in shipped())


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    if "cloudflare" not in shipped():
        pytest.skip("specs/cloudflare.json is not there")
    with pytest.raises(SpecError, match="did you mean 'cloudflare'"):
        asyncio.run(load("cloudfare"))


def test_every_shipped_spec_can_be_used(tmp_path: Path) -> None:
    for name in shipped():
        spec = asyncio.run(load(name, data_folder=tmp_path))
        assert spec.name == name
        assert spec.parse().base_url


def test_the_folders_of_the_package_are_found() -> None:
    assert (data.folder("wasm") / "guest").is_dir()


def test_a_mapping_is_a_spec_too() -> None:
    spec = asyncio.run(load(minimal(info={"title": "Acme API", "version": "2"})))
    assert (spec.name, spec.parse().title) == ("acme", "Acme API")


def test_a_mapping_that_is_not_json_is_refused() -> None:
    circle = minimal()
    circle["x-self"] = circle
    for mapping in (minimal(x={1, 2}), circle):
        with pytest.raises(SpecError, match="mapping cannot be written as JSON"):
            asyncio.run(load(mapping))


def test_the_documents_of_real_apis_pass() -> None:
    if not SHARED.is_dir():
        pytest.skip("the shared documents are not on this machine")
    spec = asyncio.run(load(SHARED / "cloudflare-2024-08.json"))
    document = spec.parse()
    assert spec.name == "cloudflare"
    assert document.base_url == "https://api.cloudflare.com/client/v4"
    assert document.operations == 1533
    assert json.loads(document.content) == json.loads(spec.raw)


# URLs


def test_a_url_is_fetched_once_and_then_revalidated(site: Site, fetch: Any) -> None:
    url = f"{site.base}/specs/acme.json?key=secret"
    first, second = fetch(url), fetch(url)
    assert first.raw == second.raw == site.body
    assert first.name == "acme"
    assert (first.note, second.note) == (None, None)
    assert [sent.get("if-none-match") for _, sent in site.asked] == [None, '"one"']
    assert "secret" not in first.source


def test_a_changed_document_replaces_the_cached_one(site: Site, fetch: Any) -> None:
    url = f"{site.base}/acme.json"
    fetch(url)
    site.body, site.headers = b'{"new": 1}', {"last-modified": "Sun, 22 Nov 2026 00:00:00 GMT"}
    assert fetch(url).raw == b'{"new": 1}'
    fetch(url)
    assert site.asked[-1][1]["if-modified-since"] == "Sun, 22 Nov 2026 00:00:00 GMT"
    assert "if-none-match" not in site.asked[-1][1]


def test_the_cache_serves_when_the_network_is_down_and_says_so(site: Site, fetch: Any) -> None:
    url = f"{site.base}/acme.json"
    raw = fetch(url).raw
    site.close()
    spec = fetch(url)
    assert spec.raw == raw
    assert spec.note is not None
    assert "served from the cache of 20" in spec.note
    with pytest.raises(SpecError, match="cannot be fetched"):
        fetch(f"{site.base}/other.json")


@pytest.mark.parametrize(
    ("status", "body"), [(503, b"busy"), (429, b"slow"), (200, b"<html>Sign in</html>")]
)
def test_the_cache_serves_when_the_server_fails(
    site: Site, fetch: Any, status: int, body: bytes
) -> None:
    url = f"{site.base}/acme.json"
    raw = fetch(url).raw
    site.status, site.body, site.headers = status, body, {}
    spec = fetch(url)
    assert spec.raw == raw
    assert spec.note is not None
    site.close()
    assert fetch(url).raw == raw


@pytest.mark.parametrize(("status", "words"), [(404, "404"), (403, "download")])
def test_a_refusal_by_the_server_is_an_error(
    site: Site, fetch: Any, status: int, words: str
) -> None:
    url = f"{site.base}/acme.json"
    fetch(url)
    site.status = status
    with pytest.raises(SpecError, match=words):
        fetch(url)


def test_a_damaged_cache_entry_is_fetched_anew(site: Site, fetch: Any, tmp_path: Path) -> None:
    url = f"{site.base}/acme.json"
    fetch(url)
    (entry,) = (tmp_path / "cache").iterdir()
    entry.write_bytes(entry.read_bytes()[:-10])
    assert fetch(url).raw == site.body
    assert "if-none-match" not in site.asked[-1][1]


def test_the_cache_is_private_and_leaves_no_litter(site: Site, fetch: Any, tmp_path: Path) -> None:
    fetch(f"{site.base}/acme.json")
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".spec"]


def test_a_cache_that_cannot_be_written_costs_nothing_but_itself(
    site: Site, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    spec = asyncio.run(load(f"{site.base}/acme.json", cache_folder=tmp_path / "file" / "cache"))
    assert spec.raw == site.body


def test_redirects_are_followed_a_few_times(site: Site, fetch: Any) -> None:
    other = Site()
    try:
        site.status, site.headers = 302, {"location": f"{other.base}/v9/final.json"}
        spec = fetch(f"{site.base}/acme.json")
        assert spec.raw == other.body
        assert spec.url == f"{other.base}/v9/final.json"
    finally:
        other.close()
    site.headers = {"location": "/round"}
    with pytest.raises(SpecError, match="more than 5 times"):
        fetch(f"{site.base}/round.json")
    site.headers = {"location": "http://example.com/spec.json"}
    with pytest.raises(SpecError, match="https only"):
        fetch(f"{site.base}/outside.json")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.com/openapi.json", "https only"),
        ("ftp://example.com/openapi.json", "https only"),
        ("file:///etc/passwd", "not a URL"),
        ("https://user:word@example.com/a.json", "password"),
        ("https://", "not a URL"),
        ("https://[::1/a.json", "not a URL"),
        ("https://example.com/a b.json", "not a URL"),
        ("https://example.com:99999/", "not a URL"),
    ],
)
def test_a_url_that_is_not_safe_is_refused_before_anything_is_sent(
    fetch: Any, url: str, words: str
) -> None:
    with pytest.raises(SpecError, match=words):
        fetch(url)


def test_the_name_of_a_url_comes_from_its_path_or_host(site: Site, fetch: Any) -> None:
    assert fetch(f"{site.base}/acme/api-schemas/main/openapi.json").name == "acme"
    local = site.base.replace("127.0.0.1", "localhost")
    assert fetch(f"{local}/v1/openapi.json").name == "localhost"


# Pull


def test_cloudflare_is_the_official_document_once_it_was_pulled(site: Site, tmp_path: Path) -> None:
    heard: list[float] = []
    pulled = asyncio.run(
        pull(f"{site.base}/openapi.json", lambda at, _: heard.append(at), data_folder=tmp_path)
    )
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    spec = asyncio.run(load("cloudflare", data_folder=tmp_path))
    assert spec.raw == pulled.raw == site.body
    assert spec.name == "cloudflare"
    assert "official" in spec.source


def test_a_pull_that_fails_leaves_the_old_document(site: Site, tmp_path: Path) -> None:
    asyncio.run(pull(f"{site.base}/openapi.json", data_folder=tmp_path))
    kept = site.body
    site.body, site.headers = b'{"swagger": "2.0"}', {}
    with pytest.raises(SpecError, match="Swagger"):
        asyncio.run(pull(f"{site.base}/openapi.json", data_folder=tmp_path))
    site.close()
    with pytest.raises(SpecError, match="cannot be fetched"):
        asyncio.run(pull(f"{site.base}/openapi.json", data_folder=tmp_path))
    assert asyncio.run(load("cloudflare", data_folder=tmp_path)).raw == kept


def test_the_cap_is_one_number_for_files_and_urls() -> None:
    assert MAX_SPEC_BYTES == 512 * 1024 * 1024
