"""Every URL stays below its base, and what an API needs in a path arrives unharmed."""

from __future__ import annotations

import pytest

from pymode.errors import ConfigError, RequestRefused
from pymode.http.urls import build, check_base

BASE = "https://api.test/client/v4"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/zones", "/zones"),
        ("zones", "/zones"),
        ("/", "/"),
        ("/zones/", "/zones/"),
        ("/zones/023e105f4ecef8ad9ca31a8372d0c353/dns_records", None),
        ("/a/b.c/.well-known/x..y/...", None),
        ("/kv/values/two words", "/kv/values/two%20words"),
        ("/kv/values/two%20words", None),
        ("/kv/values/a%2Fb%3Fc", None),
        ("/kv/values/100%25", None),
        ("/kv/values/https%3A%2F%2Fexample.com%2Fx", None),
        ("/kv/values/größe", "/kv/values/gr%C3%B6%C3%9Fe"),
        ("/kv/values/a%40b.test", None),
        ("/accounts/1/ai/run/@cf/meta/llama-3.1-8b-instruct", None),
        ("/projects:search", None),
        ("/a;b=1/c,d/(e)/f'g", None),
        ('/[x]<y>^`|"', "/%5Bx%5D%3Cy%3E%5E%60%7C%22"),
    ],
)
def test_a_path_is_encoded_once_and_otherwise_kept(path: str, expected: str | None) -> None:
    assert build(BASE, path) == BASE + (expected or path)


@pytest.mark.parametrize(
    "path",
    [
        # another origin
        "//evil.test/x",
        "///evil.test",
        "/zones//evil.test",
        "https://evil.test/",
        "https:/evil.test",
        "https:evil.test",
        "HTTPS://api.test/client/v4/zones",
        "/https://evil.test",
        "/http:/evil.test",
        "\thttps://evil.test",
        " //evil.test",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "@evil.test/",
        "/@evil.test/",
        "/zones@evil.test",
        ".evil.test@x/",
        ":80@evil.test/",
        "/zones/@evil.test",
        "/zones/a@evil.test",
        "/zones/@evil:80/",
        "\\\\evil.test\\x",
        "/\\evil.test",
        "%2F%2Fevil.test",
        "/%2Fevil.test",
        "/%252Fevil.test",
        # up and out
        "..",
        "/..",
        "/../x",
        "/zones/..",
        "/zones/../../../x",
        "/./zones",
        "/zones/.",
        "/%2e%2e/x",
        "/%2E%2E/x",
        "/.%2e/x",
        "/%2e./x",
        "/%2e%2e%2fx",
        "/x%2f..%2f..",
        "/%252e%252e/x",
        "/%25252e%25252e/x",
        "/%2525252e%2525252e/x",
        "/%252525252525252e./x",
        "/..;/x",
        "/..;a=b/x",
        "/%2e%2e;/x",
        "/..%3b/x",
        "/.. /x",
        "/..%20/x",
        "/..%5cx",
        "/..\\x",
        "/%5c..%5cx",
        "/%255c",
        "/%c0%ae%c0%ae/x",
        "/%e0%80%ae%e0%80%ae/x",
        "/%u002e%u002e/x",
        "/\uff0e\uff0e/x",
        "/%ef%bc%8e%ef%bc%8e/x",
        "/\u2025/x",
        "/..\uff0fx",
        "/x\uff3cy",
        # smuggled lines and bytes
        "/x\r\nHost: evil.test",
        "/x%0d%0aHost:%20evil.test",
        "/x%250d%250a",
        "/x\0",
        "/x%00",
        "/x\x7f",
        "/x\x85",
        "/x\u2028y",
        "/x\ud800",
        # no path at all
        "/zones#fragment",
        "/zones?a=b#fragment",
        "/zones/{zone_id}/dns_records",
        "/zones/{",
        "/zones/}",
        "/kv/values/100%",
        "/kv/values/%zz",
        "/" + "x" * 20_000,
        "/zones?a=" + "x" * 20_000,
    ],
    ids=lambda path: ascii(path[:40]),
)
def test_a_path_that_could_lead_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(RequestRefused):
        build(BASE, path)


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/zones/{zone_id}", "{zone_id}"),
        ("https://api.test/client/v4/zones", "pass only the path"),
        ("/zones//dns_records", "empty id"),
        ("/kv/values/100%", "%25"),
        ("/kv/values/a@b", "%40"),
        ("/kv/values/a#b", "%23"),
    ],
)
def test_a_refusal_says_what_to_write(path: str, hint: str) -> None:
    with pytest.raises(RequestRefused, match=hint):
        build(BASE, path)


def test_the_path_of_the_base_url_may_be_repeated_once() -> None:
    assert build(BASE, "/client/v4/zones") == BASE + "/zones"
    assert build(BASE, "/client/v4") == BASE + "/"
    assert build(BASE, "/client/v4x") == BASE + "/client/v4x"
    assert build("https://api.test", "/zones") == "https://api.test/zones"


def test_a_query_in_the_path_goes_before_the_argument() -> None:
    url = build(BASE, "/zones?name=a+b&flag", [("per_page", "50"), ("name", "ü&=")])
    assert url == BASE + "/zones?name=a%20b&flag=&per_page=50&name=%C3%BC%26%3D"


def test_a_query_cannot_break_out_of_its_line() -> None:
    assert build(BASE, "/x", [("a", "1\r\nHost: x#")]) == BASE + "/x?a=1%0D%0AHost%3A%20x%23"


@pytest.mark.parametrize("query", [[("a", "\ud800")], [("a", "x" * 20_000)]])
def test_a_query_that_cannot_be_sent_is_refused(query: list[tuple[str, str]]) -> None:
    with pytest.raises(RequestRefused):
        build(BASE, "/x", query)


@pytest.mark.parametrize(
    "base",
    [
        "https://api.test",
        "https://api.test:8443/v1",
        "http://127.0.0.1:8000/x",
        "http://localhost",
        "http://[::1]:80/v1",
    ],
)
def test_a_base_url_loses_only_its_last_slash(base: str) -> None:
    assert check_base(base) == check_base(base + "/") == base


@pytest.mark.parametrize(
    "base",
    [
        "",
        "api.test",
        "ftp://api.test",
        "http://api.test",
        "http://10.0.0.1/",
        "http://localhost.evil.test",
        "http://127.0.0.1.evil.test",
        "https://user:pass@api.test",
        "https://api.test?x=1",
        "https://api.test#x",
        "https://api.test/../x",
        "https://api.test//x",
        "https://api.test/{region}",
        "https://{host}/",
        "https://api.test:99999",
        "https://api.test\\@evil.test",
        "https://[::zz]/",
    ],
)
def test_a_base_url_that_is_unsafe_or_unclear_is_refused(base: str) -> None:
    with pytest.raises(ConfigError):
        check_base(base)
