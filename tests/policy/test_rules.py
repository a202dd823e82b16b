"""The operator's rules hold, whatever spelling the code finds for a request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from run_of_one import make_action

from pymode.apis.request import METHODS as SENT_METHODS
from pymode.documents.operations import Operations
from pymode.errors import ConfigError, RequestRefused
from pymode.http import urls
from pymode.http.headers import check_headers
from pymode.policy.action import Action, Request, RequestAction
from pymode.policy.overrides import check_overrides
from pymode.policy.patterns import PathPattern, fold_readings, read_path
from pymode.policy.rule import METHODS, parse
from pymode.policy.rules import Decision, Rules
from pymode.policy.rules_file import read_file

BASE = "https://api.test/v4"
DOCUMENT = {
    "openapi": "3.0.0",
    "paths": {
        "/zones": {"get": {"operationId": "zones-list", "tags": ["Zone"]}},
        "/zones/{zone_id}": {
            "get": {"operationId": "zones-get", "tags": ["Zone"]},
            "delete": {"operationId": "zones-delete", "tags": ["Zone"]},
        },
        "/zones/special": {"delete": {"operationId": "special-delete", "tags": ["Zone Lockdown"]}},
        "/zones/{zone_id}/dns_records": {
            "get": {"operationId": "dns-list", "tags": ["DNS Records for a Zone"]},
            "post": {"operationId": "dns-create", "tags": ["DNS Records for a Zone"]},
        },
        "/zones/{zone_id}/dnssec": {"get": {"operationId": "dnssec-get", "tags": ["DNSSEC"]}},
    },
}
OPERATIONS = Operations(DOCUMENT)


def decide(rules: Rules, method: str, path: str, graphql: str | None = None) -> Decision:
    """Decide as the host does, from what the code wrote to what would be sent."""
    sent = urls.build(BASE, path)[len(BASE) :].partition("?")[0]
    operation = OPERATIONS.match(method, sent)
    action = Action(method, sent, graphql=graphql, operation=operation)  # type: ignore[arg-type]  # tests write plain texts
    return rules.bind(OPERATIONS).decide(action, OPERATIONS)


def verdict(rules: Rules, method: str, path: str, graphql: str | None = None) -> str:
    return decide(rules, method, path, graphql).verdict


def test_without_rules_everything_is_allowed() -> None:
    assert verdict(Rules(), "DELETE", "/zones/x") == "allow"
    assert not Rules()


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("/zones", "/zones", True),
        ("/zones", "/zones/", True),
        ("/zones/", "/zones", True),
        ("/zones", "/zones/x", False),
        ("/zones/*", "/zones/x", True),
        ("/zones/*", "/zones", False),
        ("/zones/*", "/zones/x/y", False),
        ("/zones/**", "/zones", True),
        ("/zones/**", "/zones/x/y/z", True),
        ("/zones/**", "/zonesx", False),
        ("/**", "/", True),
        ("/", "/", True),
        ("/", "/x", False),
        ("/accounts/*/workers/**", "/accounts/1/workers/scripts/x", True),
        ("/accounts/*/workers/**", "/accounts/1/2/workers", False),
        ("/a/**/b/**/c", "/a/c/b/b/c", True),
        ("/a/**/b/**/c", "/a/c/b/b", False),
        ("/a/**/b", "/a/b", True),
        ("/a/**/a", "/a", False),
        ("/zones/{zone_id}/**", "/zones/1/x", True),
        ("/files/{name}.json", "/files/a.json", True),
        ("/files/{name}.json", "/files/.json", False),
        ("/files/{a}-{b}", "/files/x-y", True),
        ("/files/{a}-{b}", "/files/x-", False),
        ("/kv/two%20words", "/kv/two%20words", True),
        ("/kv/größe", "/kv/gr%C3%B6%C3%9Fe", True),
    ],
)
def test_a_star_is_one_segment_and_two_are_any_number(pattern: str, path: str, fits: bool) -> None:
    parsed, readings = PathPattern.parse(pattern), read_path(path)
    assert parsed.fits_any(fold_readings(readings)) == parsed.fits_all(readings) == fits


def test_methods_may_be_any_or_several_and_get_covers_head() -> None:
    rules = Rules.parse(deny=["post, Put /zones/**", "* /accounts/**", "GET /users/*"])
    for method, path in (("POST", "/zones/x"), ("PUT", "/zones"), ("PATCH", "/accounts/1")):
        assert verdict(rules, method, path) == "deny"
    assert verdict(rules, "HEAD", "/users/1") == "deny"
    assert verdict(rules, "DELETE", "/zones/x") == "allow"


def test_deny_wins_over_allow_and_allow_over_approve() -> None:
    rules = Rules.parse(allow=["* /zones/**"], deny=["DELETE /zones/*"], approve=["writes"])
    assert verdict(rules, "DELETE", "/zones/x") == "deny"
    assert verdict(rules, "POST", "/accounts") == "deny"
    assert verdict(rules, "POST", "/zones") == "approve"
    assert verdict(rules, "GET", "/zones") == "allow"


def test_a_decision_names_the_rule_and_where_it_stands() -> None:
    rules = Rules((), (parse("DELETE /zones/**", "deny", "--deny"),))
    decision = decide(rules, "DELETE", "/zones/x")
    assert decision.rule == "DELETE /zones/** (--deny)"
    assert decision.reason == "DELETE /zones/x is denied by the rule DELETE /zones/** (--deny)"
    missing = decide(Rules.parse(allow=["GET /zones"]), "GET", "/accounts")
    assert "GET /zones (allow)" in missing.rule
    assert "no allow rule fits" in missing.reason


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "post"])
def test_read_only_denies_each_method_that_may_write(method: str) -> None:
    assert verdict(Rules(read_only=True), method, "/zones/x") == "deny"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_read_only_allows_reads(method: str) -> None:
    assert verdict(Rules(read_only=True), method, "/zones/x") == "allow"


def test_graphql_is_what_its_document_does() -> None:
    rules = Rules.parse(read_only=True)
    assert verdict(rules, "POST", "/graphql", "read") == "allow"
    assert verdict(rules, "POST", "/graphql", "write") == "deny"
    assert verdict(rules, "POST", "/graphql", None) == "deny"
    assert Action("GET", "/x", graphql="write").is_write
    assert Action("PUT", "/x", graphql="read").is_write
    assert verdict(Rules.parse(approve=["writes"]), "POST", "/graphql", "write") == "approve"


def test_a_rule_may_name_a_tag_or_an_operation() -> None:
    rules = Rules.parse(deny=["tag:zone", "dns-create"])
    assert verdict(rules, "GET", "/zones/x") == "deny"
    assert verdict(rules, "POST", "/zones/x/dns_records") == "deny"
    assert verdict(rules, "GET", "/zones/x/dns_records") == "allow"
    # The document has the tag Zone, so Zone Lockdown is another one.
    assert verdict(rules, "DELETE", "/zones/special") == "allow"


def test_a_tag_that_the_document_lacks_stands_for_those_that_begin_with_its_words() -> None:
    rules = Rules.parse(deny=["tag:dns"])
    assert verdict(rules, "GET", "/zones/x/dns_records") == "deny"
    assert verdict(rules, "GET", "/zones/x/dnssec") == "allow"


@pytest.mark.parametrize(
    ("rule", "hint"),
    [
        ("tag:zonne", "did you mean zone"),
        ("dns-creat", "did you mean dns-create"),
        ("tag:_", "no such tag"),
    ],
)
def test_a_name_that_the_document_lacks_is_an_error_and_no_silent_gap(rule: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        Rules.parse(deny=[rule]).bind(OPERATIONS)


def test_rules_without_names_need_no_document() -> None:
    rules = Rules.parse(deny=["* /**"])
    assert rules.bind([]) is rules


DENIED = [
    "/zones/abc/dns_records",
    "/zones/abc/dns_records/",
    "/zones/%61bc/dns_records",
    "/zones/abc/dns%5Frecords",
    "/zones/abc/dns%255Frecords",
    "/%7Aones/abc/dns_records",
    "/zones/abc%2Fdns_records",
    "/zones%2fabc%2fdns_records",
    "/zones/abc%252Fdns_records",
    "/Zones/ABC/DNS_Records",
    "/zones/abc/dns_records;x=1",
    "/zones;a=b/abc;c/dns_records",
    "/zones/abc/dns_records%3Bx",
    "/zones/;x/abc/dns_records",
    "/zones/abc%2F%2Fdns_records",
    "/zones/%20/abc/dns_records",
    "/zones/abc/dns_records%20",
    "/zones/abc/dns_records?x=/y",
    "/zones/abc/dns_records%3Fx",
    "/\uff5aones/abc/dns_records",
    "/zones/abc\uff0fdns_records",
    "/v4/zones/abc/dns_records",
    "zones/abc/dns_records",
]


@pytest.mark.parametrize("path", DENIED)
@pytest.mark.parametrize("rule", ["* /zones/*/dns_records", "POST /zones/{zone_id}/dns_records/**"])
def test_no_spelling_of_a_path_gets_past_a_deny_rule(path: str, rule: str) -> None:
    assert verdict(Rules.parse(deny=[rule]), "POST", path) == "deny"


@pytest.mark.parametrize("path", DENIED)
@pytest.mark.parametrize("rule", ["tag:dns", "dns-create"])
def test_no_spelling_of_a_path_gets_past_a_deny_rule_for_an_operation(path: str, rule: str) -> None:
    assert verdict(Rules.parse(deny=[rule]), "POST", path) == "deny"


@pytest.mark.parametrize(
    "path",
    [
        "/public/..%2fzones",
        "/public/../zones",
        "/public/%2e%2e/zones",
        "/public//zones",
        "/public\\zones",
        "/public/zones\0",
        "/public/zones#x",
        "/public/zones/{id}",
        "//zones",
    ],
)
def test_what_has_no_single_meaning_is_refused_before_the_rules(path: str) -> None:
    with pytest.raises(RequestRefused):
        urls.build(BASE, path)


@pytest.mark.parametrize(
    "path",
    [
        "/zones/abc%2Fdns_records",
        "/zones/abc%252Fdns_records",
        "/zones/a\uff0fb",
        "/zones;x/abc/def",
        "/Zones/abc",
        "/zones/%20",
        "/zones/;x",
    ],
)
def test_an_allow_rule_has_to_fit_each_reading_of_a_path(path: str) -> None:
    assert verdict(Rules.parse(allow=["* /zones/*"]), "GET", path) == "deny"
    assert verdict(Rules.parse(allow=["zones-get"]), "GET", path) == "deny"


def test_an_allow_rule_with_two_stars_fits_keys_with_a_slash() -> None:
    rules = Rules.parse(allow=["GET /kv/**"])
    assert verdict(rules, "GET", "/kv/values/a%2Fb") == "allow"
    assert verdict(Rules.parse(allow=["GET /kv/values/*"]), "GET", "/kv/values/a%20b") == "allow"


def test_without_the_document_an_unclear_path_counts_as_each_denied_operation() -> None:
    action = Action("GET", "/zones/x%2Fdns_records")
    assert Rules.parse(deny=["tag:dns"]).decide(action).verdict == "deny"
    assert Rules.parse(allow=["tag:dns"]).decide(action).verdict == "deny"
    assert Rules.parse(deny=["tag:dns"]).decide(Action("GET", "/new")).verdict == "allow"


def test_a_hostile_path_is_judged_with_little_work() -> None:
    """With a matcher that backtracks this test would not end."""
    rules = Rules.parse(deny=["* /**/a/**/a/*/b/**/c", "* /x/{a}-{b}-{c}/**"])
    path = "/" + "/".join(["a"] * 256)
    assert rules.decide(Action("GET", path)).verdict == "allow"
    assert rules.decide(Action("GET", path + "/a")).rule == "at most 256 segments"
    assert rules.decide(Action("GET", path.replace("/", "%2F") + "/a")).verdict == "deny"
    assert rules.decide(Action("GET", "/x/" + "-" * 16_000 + "/%41")).verdict == "deny"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "write"),
        ("GET", "write"),
        ("/zones/**", r'it has no method; write "\* /zones/\*\*"'),
        ("GET zones", "begins with '/'"),
        ("GETT /zones", "did you mean GET"),
        ("GET,*,PUT /zones", "no method"),
        ("GET /zones//x", "no '//'"),
        ("GET /zones/prod-*", "one whole segment"),
        ("GET /zones/***", "one whole segment"),
        ("GET /zones?x=1", "no query"),
        ("GET /zones#x", "cannot have"),
        ("GET /zones/{x", "cannot have"),
        ("GET /zones/../x", "'..'"),
        ("GET /zones/%2e%2E/x", "'..'"),
        ("GET /kv/a%2Fb", "%2F"),
        ("GET /a /b", "write"),
        ("delete everything", "begins with '/'"),
        ("tag:", "tag is missing"),
        ("zones/**", "write"),
        ("writes", "read_only"),
    ],
)
def test_what_is_no_rule_is_an_error_that_shows_how_to_write_it(text: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint) as caught:
        Rules.parse(deny=[text])
    assert str(caught.value).startswith("deny: ")


def test_one_text_is_no_list_of_rules() -> None:
    with pytest.raises(ConfigError, match="list of rules"):
        Rules.parse(deny="GET /x")


def test_rules_know_each_method_that_can_be_sent() -> None:
    assert set(METHODS) == SENT_METHODS | {"CALL", "READ"}  # those are of tools


def test_merged_rules_are_those_of_both() -> None:
    ours, theirs = Rules.parse(deny=["GET /a"], read_only=True), Rules.parse(deny=["GET /b"])
    merged = theirs.merge(ours)
    assert [rule.text for rule in merged.deny] == ["GET /b", "GET /a"]
    assert merged.read_only
    assert not theirs.merge(theirs).read_only


def write(folder: Path, text: str) -> Path:
    file = folder / "pymode.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_file_holds_the_rules(tmp_path: Path) -> None:
    rules = read_file(
        write(
            tmp_path,
            '[rules]\nallow = ["GET /**", "tag:dns"]\ndeny = ["zones-delete"]\n'
            'approve = ["writes"]\nread_only = true\n',
        )
    )
    assert [str(rule) for rule in rules.allow] == [
        "GET /** (allow in pymode.toml)",
        "tag:dns (allow in pymode.toml)",
    ]
    assert str(rules.deny[0]) == "zones-delete (deny in pymode.toml)"
    assert rules.approve[0].is_writes
    assert decide(rules, "POST", "/x").rule == "read_only in pymode.toml"
    assert not read_file(write(tmp_path, ""))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[rules]\ndenny = []", "no key 'denny'; did you mean deny"),
        ("[rule]\ndeny = []", "no key 'rule'; did you mean rules"),
        ("[rules]\nreadonly = true", "did you mean read_only"),
        ("rules = 1", "table"),
        ('[rules]\ndeny = "GET /x"', "list of texts"),
        ("[rules]\ndeny = [1]", "list of texts"),
        ("[rules]\nallow = []", "allow is empty"),
        ("[rules]\nread_only = 1", "true or false"),
        ('[rules]\ndeny = ["GET x"]', "deny in pymode.toml"),
        ("[rules", "is not TOML"),
    ],
)
def test_a_file_with_anything_else_is_an_error_that_names_it(
    tmp_path: Path, text: str, hint: str
) -> None:
    with pytest.raises(ConfigError, match=hint):
        read_file(write(tmp_path, text))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        read_file(tmp_path / "pymode.toml")
    with pytest.raises(ConfigError, match="cannot read"):
        read_file(tmp_path)
    (tmp_path / "pymode.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not TOML"):
        read_file(tmp_path / "pymode.toml")


@pytest.mark.parametrize(
    "name",
    [
        "X-HTTP-Method-Override",
        "x_http_method_override",
        "X-HTTP-Method",
        "X-Method-Override",
        "x.http.method.override",
        "X-Method",
        "_method",
        "X-HTTP-Verb",
        "X-Original-URL",
        "X-Original-Method",
        "X-Rewrite-URL",
        "X-Path-Override",
        "X-Envoy-Original-Path",
        "Request-URI",
        "X-Host",
    ],
)
def test_no_header_may_change_the_method_or_the_path(name: str) -> None:
    with pytest.raises(RequestRefused, match="set by the host"):
        check_headers({name: "DELETE"})


@dataclass
class Form:
    """A body, and its content type."""

    content: bytes
    content_type: str = "application/x-www-form-urlencoded"


def post(
    form: Form | None = None, files: list[str] | None = None, query: str = ""
) -> RequestAction:
    headers = {"content-type": form.content_type} if form and form.content_type else {}
    parts = [(name, (None, b"DELETE", None)) for name in files or ()]
    content = form.content if form else None
    return make_action(Request("POST", "/x", (), headers, content, parts or None), query=query)


@pytest.mark.parametrize(
    "query",
    [
        "_method=DELETE",
        "a=1&_METHOD=x",
        "%5Fmethod=x",
        "_HttpMethod=PATCH",
        "_method[]=x",
        "%20_method=x",
        ".method=x",
        "X-HTTP-Method-Override=x",
        "%24httpMethod=x",
        "_method",
    ],
)
def test_no_parameter_may_change_the_method(query: str) -> None:
    with pytest.raises(RequestRefused, match="pass it as the method"):
        check_overrides(post(query=query))


@pytest.mark.parametrize(
    "form",
    [
        Form(b"_method=DELETE"),
        Form(b"_method=DELETE", ""),
        Form(b"a=1;%5fMethod=DELETE"),
        Form(b"a=1&+_method=x", "Application/X-WWW-Form-Urlencoded; charset=utf-8"),
        Form(b'--x\r\nContent-Disposition: form-data;\r\n name="_method"\r\n', "multipart/mixed"),
        Form(b"--x\nContent-disposition: form-data; name=_method\n\nx", "multipart/form-data"),
    ],
    ids=str,
)
def test_no_form_field_may_change_the_method(form: Form) -> None:
    with pytest.raises(RequestRefused, match="pass it as the method"):
        check_overrides(post(form))


def test_ordinary_parameters_and_forms_pass() -> None:
    check_overrides(post(query="method=GET&http_method=x&payment_method=card"))
    check_overrides(post(Form(b"method=x&amount=1")))
    check_overrides(post(Form(b'{"_method": 1}', "application/json")))
    page = b'--x\r\nContent-Disposition: form-data; name="page"\r\n\r\n<input name="_method">'
    check_overrides(post(Form(page, "multipart/form-data; boundary=x")))
    with pytest.raises(RequestRefused):
        check_overrides(post(files=["_method"]))


def test_a_form_of_very_many_fields_is_refused() -> None:
    with pytest.raises(RequestRefused, match="send fewer"):
        check_overrides(post(Form(b"&" * 20_000)))


MIXED = Operations(
    {
        "openapi": "3.0.0",
        "paths": {
            "/Buckets/{id}": {
                "get": {"operationId": "bucketGet", "tags": ["Buckets"]},
                "delete": {"operationId": "bucketDelete", "tags": ["Buckets"]},
            },
            "/buckets/{bucket}": {"put": {"operationId": "bucketPut", "tags": ["Buckets"]}},
            "/buckets/health": {"delete": {"operationId": "healthDelete"}},
            "/Files/v{n}.Tar": {"delete": {"operationId": "fileDelete", "tags": ["Files"]}},
        },
    }
)


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("bucketDelete", "/Buckets/1"),
        ("bucketDelete", "/buckets/1"),
        ("bucketDelete", "/BUCKETS/1"),
        ("bucketDelete", "/bUCKETS/%31"),
        ("tag:Buckets", "/buckets/1"),
        ("fileDelete", "/files/V1.tar"),
        ("tag:Files", "/FILES/v1.TAR"),
    ],
)
def test_a_deny_rule_holds_in_any_case_of_the_path_and_of_the_document(
    rule: str, path: str
) -> None:
    """A server that ignores case would carry it out. An allow rule needs the exact path."""
    operation = MIXED.match("DELETE", path)
    action = Action("DELETE", path, operation=operation)  # type: ignore[arg-type]  # a plain text
    denying = Rules.parse(deny=[rule]).bind(MIXED)
    assert denying.decide(action, MIXED).verdict == "deny"
    allowing = Rules.parse(allow=[rule]).bind(MIXED)
    assert (allowing.decide(action, MIXED).verdict == "allow") == (operation is not None)


def test_a_deny_rule_does_not_hold_for_a_more_literal_path() -> None:
    action = Action("DELETE", "/Buckets/Health", operation=MIXED.match("DELETE", "/Buckets/Health"))
    rules = Rules.parse(deny=["healthDelete"]).bind(MIXED)
    assert rules.decide(action, MIXED).verdict == "deny"
    action = Action("DELETE", "/buckets/health", operation=MIXED.match("DELETE", "/buckets/health"))
    rules = Rules.parse(deny=["bucketDelete"]).bind(MIXED)
    assert rules.decide(action, MIXED).verdict == "allow"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"content-disposition: form-data; name=a\r\n" * 10_001, "over 10000 parts"),
        (b"content-disposition: form-data; " + b"x" * 9_000, "header of a part"),
    ],
    ids=["many parts", "a long header"],
)
def test_a_form_that_takes_seconds_to_read_is_refused(content: bytes, message: str) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    request = Request("POST", "/x", headers=headers, content=content)
    with pytest.raises(RequestRefused, match=message):
        check_overrides(RequestAction("POST", "/x", request=request))
