"""Only what surely reads counts as a read."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from run_of_one import make_action

from pymode.policy.action import Request
from pymode.policy.graphql import MAX_DOCUMENT_CHARS, classify, find_endpoint, judge

READ = "query Q { viewer { zones { zoneTag } } }"
WRITE = "mutation M { deleteZone(id: 1) { id } }"


@pytest.mark.parametrize(
    "document",
    [
        READ,
        "{ mutation }",
        "query mutation { mutation: viewer { id } }",
        '{ a(b: "mutation { x }") }',
        '{ a(b: """ } mutation { x } """) }',
        "# mutation { x }\n{ a }",
        "{ a ...F } fragment F on T { mutation }",
        "query A { a } query B { b }",
        "subscription S { zoneChanged { id } }",
        "query,mutation,{x}",
        "\ufeff{ a }",
    ],
)
def test_a_document_without_a_mutation_reads(document: str) -> None:
    assert classify(document) == "read"


@pytest.mark.parametrize(
    "document",
    [
        WRITE,
        "mutation { x }",
        "mutation($a: Int) @d { x }",
        "{ a } mutation M { x }",
        "query A { a }\nmutation B { b }\nfragment F on T { x }",
        "# comment\r mutation { x }",
        '{ a(b: "\\" } mutation M {") } mutation N { x }',
    ],
)
def test_a_document_with_a_mutation_writes_whichever_operation_is_run(document: str) -> None:
    assert classify(document) == "write"


@pytest.mark.parametrize(
    "document",
    [
        "",
        "# nothing",
        "not graphql",
        "{ a",
        "MUTATION { x }",
        "fragment F on T { x }",
        "type Mutation { x: Int } query { a }",
        "extend schema { mutation: M } query { a }",
        "{ a }\0mutation { x }",
        "{ a } # \u2028 mutation { x }",
        "{ a } # \x0b mutation { x }",
        "{ a }\ud800",
    ],
    ids=ascii,
)
def test_what_nobody_can_be_sure_of_writes(document: str) -> None:
    assert classify(document) == "write"


def test_a_document_may_be_long_up_to_its_bound() -> None:
    room = MAX_DOCUMENT_CHARS - len("{ a }")
    assert classify("{ a }" + " " * room) == "read"
    assert classify("{ a }" + " " * (room + 1)) == "write"
    assert classify("{ a }" + " " * 1_000_000) == "write"


@pytest.mark.parametrize(
    "document",
    [
        "{a" * 10_000 + "}" * 10_000,
        "{a(b:" + "[" * 10_000 + "]" * 10_000 + ")}",
        "query($a:" + "[" * 10_000 + "Int" + "]" * 10_000 + "){a}",
        "{a(b:" + "{a:" * 5_000 + "1" + "}" * 5_000 + ")}",
    ],
    ids=["selections", "lists", "types", "objects"],
)
def test_a_document_nested_too_deep_writes(document: str) -> None:
    assert classify(document[:MAX_DOCUMENT_CHARS]) == "write"
    assert classify(document) == "write"


def operation(path: str) -> Any:
    return SimpleNamespace(path=path)


def post(body: object, **changes: Any) -> Request:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": "application/json"} | changes.pop("headers", {})
    made = {"method": "POST", "headers": headers, "content": content}
    return Request(path="/graphql", **(made | changes))


def judge_at(request: Request, target: str, operation: Any = None) -> str | None:
    """Judge a request that is sent to this path and query."""
    path, _, query = target.partition("?")
    return judge(make_action(request, path, query, operation=operation))


def get(**changes: Any) -> Request:
    return post(b"", **({"method": "GET", "content": None} | changes))


@pytest.mark.parametrize(
    "body",
    [
        {"query": READ},
        {"query": READ, "variables": {"query": WRITE}, "operationName": "Q"},
        {"query": READ, "extensions": None},
        {"query": READ, "extensions": {}},
        [{"query": READ}, {"query": "{ a }"}],
    ],
    ids=str,
)
def test_a_post_of_queries_reads(body: object) -> None:
    assert judge_at(post(body), "/graphql") == "read"


@pytest.mark.parametrize(
    "body",
    [
        {"query": WRITE},
        {"query": READ + WRITE, "operationName": "Q"},
        [{"query": READ}, {"query": WRITE}],
        [],
        [[{"query": READ}]],
        [{"query": "{ a }"}] * 51,
        [{"query": "{ a }" + " " * 20_000}] * 2,
        {},
        {"query": None},
        {"query": [READ]},
        "text",
        READ.encode(),
        b"\xff",
        b"",
        b'{"query": "{ a }"} {}',
        b"[" * 100_000,
        {"query": READ, "Query": WRITE},
        {"query": READ, "mutation": WRITE},
        {"query": READ, "id": "kept"},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}},
        {"query": READ, "extensions": {"persistedQuery": {"sha256Hash": "0" * 64}}},
        f'{{"query": "{WRITE}", "query": "{READ}"}}'.encode(),
        f'{{"query": "{READ}", "qu\\u0065ry": "{READ}"}}'.encode(),
        json.dumps({"query": READ}).encode("utf-16"),
        b"\xef\xbb\xbf" + json.dumps({"query": READ}).encode(),
        json.dumps({"query": READ, "variables": {"a": "x" * 1_100_000}}).encode(),
    ],
    ids=lambda body: ascii(body)[:40],
)
def test_any_other_post_to_graphql_writes(body: object) -> None:
    assert judge_at(post(body), "/graphql") == "write"


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("application/json", "read"),
        ("Application/JSON; charset=UTF-8", "read"),
        ('application/graphql+json;charset="utf-8"', "read"),
        ("application/json; charset=utf-16", "write"),
        ("application/json, text/plain", "write"),
        ("application/x-www-form-urlencoded", "write"),
        ("application/graphql", "write"),
        ("text/plain", "write"),
        ("", "write"),
    ],
)
def test_the_body_is_only_believed_as_json(content_type: str, kind: str) -> None:
    request = post({"query": READ}, headers={"content-type": content_type})
    assert judge_at(request, "/graphql") == kind


def test_a_second_query_or_a_coding_makes_a_post_a_write() -> None:
    assert judge_at(post({"query": READ}), "/graphql?query=mutation%7Bx%7D") == "write"
    assert judge_at(post({"query": READ}), "/graphql?x") == "write"
    gzip = post({"query": READ}, headers={"content-encoding": "gzip"})
    assert judge_at(gzip, "/graphql") == "write"
    part = ("operations", (None, b"{}", None))
    assert judge_at(post(b"", content=None, files=[part]), "/graphql") == "write"
    assert judge_at(post(b"", content=None), "/graphql") == "write"


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("/graphql", None),
        ("/graphql?query=%7Ba%7D", "read"),
        ("/graphql?query=%7Ba%7D&variables=%7B%7D&operationName=Q", "read"),
        ("/graphql?query=mutation%7Bx%7D", "write"),
        ("/GraphQL?query=mutation%7Bx%7D", "write"),
        ("/api/%67raphql/?Query=mutation%7Bx%7D", "write"),
        ("/api/graphql;x?query=mutation%7Bx%7D", "write"),
        ("/graphql?query=%7Ba%7D&query=mutation%7Bx%7D", "write"),
        ("/graphql?extensions=%7B%22persistedQuery%22%3A1%7D", "write"),
        ("/graphql?id=kept", "write"),
        ("/events/graphql?per_page=5", None),
        ("/zones?query=mutation%7Bx%7D", None),
    ],
)
def test_a_get_may_carry_a_mutation_too(target: str, kind: str | None) -> None:
    assert judge_at(get(), target) == kind
    assert judge_at(get(method="HEAD"), target) == kind


def test_a_get_with_a_body_is_not_believed() -> None:
    assert judge_at(get(content=b'{"query": "mutation{x}"}'), "/graphql") == "write"


def test_only_a_known_endpoint_makes_a_post_a_read() -> None:
    """A key or a script may be called graphql; its POST is still a write."""
    request = post({"query": READ})
    for path in (
        "/accounts/1/scripts/graphql",
        "/GraphQL",
        "/%67raphql",
        "/graphql;x",
        "/x%2Fgraphql",
    ):
        assert judge_at(request, path) is None
    assert judge_at(request, "/scripts/graphql", operation("/scripts/{name}")) is None
    assert judge_at(request, "/graphql", operation("/{anything}")) is None
    assert judge_at(request, "/v2/events/graphql", operation("/v2/events/graphql")) == "read"
    assert judge_at(request, "/admin/graphql.json", operation("/admin/graphql.json")) == "read"
    assert judge_at(post({"query": READ}, method="PUT"), "/graphql") is None
    assert find_endpoint("/graphql/", None)
