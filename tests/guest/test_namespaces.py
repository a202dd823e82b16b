"""What the code sees of an API: how it calls, what it gets back, what it can catch."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import datetime
import decimal
import enum
import io
import json
import uuid
from typing import Any

import pytest

from guest.answers import APIError
from guest.namespaces import make


class Host:
    """Answers every call with one reply and remembers the payloads."""

    def __init__(self, body: str = "{}", kind: str = "json", status: int = 200, **head: Any):
        self.reply = json.dumps({"status": status, "kind": kind, **head}) + "\n" + body
        self.payloads: list[tuple[dict[str, Any], str]] = []
        self.namespace, self.error = make("cloudflare", self.call)

    async def call(self, target: str, payload: str) -> str:
        assert target == "cloudflare"
        head, _, body = payload.partition("\n")
        self.payloads.append((json.loads(head), body))
        return self.reply

    def request(self, *args: Any, **keywords: Any) -> Any:
        return asyncio.run(self.namespace.request(*args, **keywords))

    def send(self, *args: Any, **keywords: Any) -> tuple[dict[str, Any], str]:
        self.request(*args, **keywords)
        return self.payloads[-1]

    def fail(self, method: str = "GET", path: str = "/zones") -> Any:
        with pytest.raises(self.error) as caught:
            self.request(method, path)
        return caught.value


# How it is called


@pytest.mark.parametrize(
    ("args", "keywords"),
    [
        (("GET", "/zones", {"a": 1}), {}),
        (("get", "/zones"), {"query": {"a": 1}}),
        ((), {"method": "GET", "path": "/zones", "query": {"a": 1}}),
        (({"method": "GET", "path": "/zones", "query": {"a": 1}},), {}),
        (({"method": "GET", "path": "/zones"},), {"query": {"a": 1}}),
        (("GET", "/zones", {"a": 1}, None, None, None, False, None), {}),
    ],
)
def test_a_request_takes_positions_keywords_or_one_dict(args: Any, keywords: Any) -> None:
    head, body = Host().send(*args, **keywords)
    assert head == {"method": "GET", "path": "/zones", "query": [["a", "1"]]}
    assert body == ""


def test_the_names_of_the_javascript_client_are_understood_in_a_dict() -> None:
    options = {"method": "PUT", "path": "/x", "body": "{}"}
    options |= {"contentType": "application/javascript", "rawBody": True}
    head, body = Host().send(options)
    assert (head["content_type"], body) == ("application/javascript", "{}")


@pytest.mark.parametrize(
    ("args", "keywords", "reason"),
    [
        ((), {}, "missing method and path"),
        (("GET",), {}, "missing path"),
        (("GET", None), {}, "must be strings"),
        (("GET", "/x"), {"params": {}}, r"unknown argument 'params' \(use query\)"),
        (("GET", "/x"), {"json": {}}, r"use body"),
        (("GET", "/x"), {"timeout": 5}, "unknown argument 'timeout'"),
        (({"method": "GET", "path": "/x", "zone": 1},), {}, "unknown argument 'zone'"),
        (({"method": "GET", "path": "/x"}, "/y"), {}, "only keywords"),
        (("GET", "/x"), {"path": "/y"}, "given twice"),
        (("GET", "/x", *[None] * 7), {}, "too many"),
    ],
)
def test_a_wrong_call_shows_the_right_one(args: Any, keywords: Any, reason: str) -> None:
    host = Host()
    with pytest.raises(TypeError, match=reason) as caught:
        host.request(*args, **keywords)
    assert "cloudflare.request(method, path, query=None, body=None" in str(caught.value)
    assert host.payloads == []


def test_an_attribute_that_does_not_exist_shows_request() -> None:
    with pytest.raises(AttributeError, match=r"no 'zones'; use await cloudflare\.request\("):
        _ = Host().namespace.zones


def test_what_is_there_is_shown() -> None:
    shown = repr(Host().namespace)
    assert "await cloudflare.request(method, path" in shown
    assert "async for item in cloudflare.pages(path" in shown
    with pytest.raises(AttributeError, match=r"or async for item in cloudflare\.pages\("):
        _ = Host().namespace.list


def test_the_error_class_is_named_after_the_namespace() -> None:
    assert Host().error.__name__ == "CloudflareError"
    assert make("github", Host().call)[1].__name__ == "GithubError"
    assert make("my_api", Host().call)[1].__name__ == "MyApiError"
    assert issubclass(Host().error, APIError)


# What it sends


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        ({"a": True, "b": False, "c": None}, [["a", "true"], ["b", "false"]]),
        ({"a": [1, "x", None, True]}, [["a", "1"], ["a", "x"], ["a", "true"]]),
        ({"a": (), "b": 1.5, "c": 0, "d": ""}, [["b", "1.5"], ["c", "0"], ["d", ""]]),
        ({"a": datetime.date(2026, 1, 2)}, [["a", "2026-01-02"]]),
        (
            {"a": datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)},
            [["a", "2026-01-02T00:00:00+00:00"]],
        ),
        ({"a": Colour.RED, "b": uuid.UUID(int=1)}, [["a", "red"], ["b", str(uuid.UUID(int=1))]]),
        ([("a", 1), ("a", 2)], [["a", "1"], ["a", "2"]]),
        ("?a=1&b=", [["a", "1"], ["b", ""]]),
    ],
)
def test_query_values_are_written_as_an_api_expects_them(query: Any, pairs: Any) -> None:
    assert Host().send("GET", "/x", query)[0]["query"] == pairs


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"a": {"b": 1}}, "query value 'a' must be text, a number"),
        ({"a": [[1]]}, "query value 'a'"),
        ({"a": float("nan")}, "is nan"),
        ({"a": b"x"}, "not bytes"),
        (5, "query must be a dict"),
        (["a"], "query must be a dict"),
    ],
)
def test_a_query_that_cannot_be_written_names_the_value(query: Any, reason: str) -> None:
    with pytest.raises((TypeError, ValueError), match=reason):
        Host().request("GET", "/x", query)


@dataclasses.dataclass
class Record:
    name: str
    ttl: int


def nest(depth: int) -> list[Any]:
    nested: list[Any] = []
    for _ in range(depth):
        nested = [nested]
    return nested


SELF_HOLDING: list[Any] = []
SELF_HOLDING.append(SELF_HOLDING)


@pytest.mark.parametrize(
    ("options", "content_type", "text"),
    [
        ({"body": {"a": [1, "ü", None]}}, "application/json", '{"a":[1,"ü",null]}'),
        ({"body": []}, "application/json", "[]"),
        ({"body": True}, "application/json", "true"),
        ({"body": {"a": {1}}}, "application/json", '{"a":[1]}'),
        ({"body": Record("a", 1)}, "application/json", '{"name":"a","ttl":1}'),
        (
            {"body": {"at": datetime.date(2026, 1, 2), "n": decimal.Decimal("1.5")}},
            "application/json",
            '{"at":"2026-01-02","n":1.5}',
        ),
        ({"body": '{"a":1}'}, "application/json", '{"a":1}'),
        ({"body": "hello"}, "text/plain; charset=utf-8", "hello"),
        ({"body": "{not json"}, "text/plain; charset=utf-8", "{not json"),
        ({"body": "hello", "content_type": "application/json"}, "application/json", '"hello"'),
        ({"body": "5", "content_type": "application/json"}, "application/json", "5"),
        ({"body": "x = 1", "content_type": "text/x-python"}, "text/x-python", "x = 1"),
        ({"body": "{}", "raw_body": True}, "text/plain; charset=utf-8", "{}"),
        ({"body": {"a": 1}, "raw_body": True}, "application/json", '{"a":1}'),
        (
            {
                "body": {"a": [1, True], "b": "x y"},
                "content_type": "application/x-www-form-urlencoded",
            },
            "application/x-www-form-urlencoded",
            "a=1&a=true&b=x+y",
        ),
        ({"body": "x", "headers": {"Content-Type": "text/css"}}, "text/css", "x"),
    ],
)
def test_a_body_is_json_unless_it_is_text_already(
    options: Any, content_type: str, text: str
) -> None:
    head, body = Host().send("POST", "/x", **options)
    assert (head["body"], head["content_type"], body) == ("text", content_type, text)
    assert "headers" not in head


def test_bytes_are_sent_as_they_are() -> None:
    head, body = Host().send("PUT", "/x", body=b"\xff\0")
    assert (head["body"], head["content_type"]) == ("base64", "application/octet-stream")
    assert base64.b64decode(body) == b"\xff\0"


def test_no_body_sends_none() -> None:
    assert Host().send("POST", "/x") == ({"method": "POST", "path": "/x"}, "")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"a": float("nan")}, "NaN or Infinity"),
        (SELF_HOLDING, "holds itself"),
        ({"a": object()}, "object cannot be sent as JSON"),
        (nest(100_000), "nested too deep"),
        ({"a": b"x"}, "bytes cannot be sent as JSON"),
        ("\ud800", "not valid text"),
    ],
)
def test_a_body_that_cannot_be_sent_says_why(body: Any, reason: str) -> None:
    with pytest.raises((TypeError, ValueError), match=reason):
        Host().request("POST", "/x", body=body)


@pytest.mark.parametrize(
    ("file", "part", "text"),
    [
        (b"hi", {"filename": "upload", "encoding": "base64"}, "aGk="),
        ("hi", {"filename": "upload", "encoding": "text"}, "hi"),
        (("a.txt", "hi"), {"filename": "a.txt", "encoding": "text"}, "hi"),
        (io.BytesIO(b"hi"), {"filename": "upload", "encoding": "base64"}, "aGk="),
        (
            ("a.js", "hi", "application/javascript+module"),
            {
                "filename": "a.js",
                "encoding": "text",
                "content_type": "application/javascript+module",
            },
            "hi",
        ),
        ((None, "{}"), {"encoding": "text"}, "{}"),
        ((None, {"a": 1}), {"encoding": "text", "content_type": "application/json"}, '{"a":1}'),
    ],
)
@pytest.mark.parametrize("as_list", [False, True])
def test_files_are_taken_in_the_form_of_httpx(
    file: Any, part: Any, text: str, as_list: bool
) -> None:
    if isinstance(file, io.BytesIO):
        file.seek(0)
    files = [("f", file)] if as_list else {"f": file}
    head, body = Host().send("PUT", "/x", files=files)
    assert head["files"] == [{"name": "f", "chars": len(text), **part}]
    assert body == text
    assert "body" not in head


def test_the_body_beside_files_becomes_form_fields() -> None:
    fields = {"metadata": {"main_module": "a.js"}, "on": True, "none": None, "many": [1, 2]}
    head, body = Host().send("PUT", "/x", body=fields, files={"a.js": ("a.js", "x")})
    names = [(part["name"], part.get("content_type")) for part in head["files"]]
    fields = [("metadata", "application/json"), ("on", None), ("many", None), ("many", None)]
    assert names == [*fields, ("a.js", None)]
    assert body == '{"main_module":"a.js"}true12x'
    head, body = Host().send("PUT", "/x", body={"raw": b"hi"}, files={"f": "x"})
    assert (head["files"][0]["encoding"], body) == ("base64", "aGk=x")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"files": "x"}, "files must be like"),
        ({"files": ["x"]}, "files must be like"),
        ({"files": {"f": (1, "x")}}, "files must be like"),
        ({"files": {"f": ("a", "b", "c", {})}}, "files must be like"),
        ({"files": {"f": ("a", 5)}}, "file 'f' must hold text or bytes"),
        ({"files": {"f": "x"}, "body": "text"}, "body must be a dict of form fields"),
        ({"headers": ["a"]}, "headers must be a dict"),
        ({"content_type": 5}, "content_type must be a string"),
    ],
)
def test_files_and_headers_that_cannot_be_sent_say_why(options: Any, reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        Host().request("PUT", "/x", **options)


# What it gets back


def test_the_envelope_comes_back_with_the_status() -> None:
    envelope = {"success": True, "result": [1], "errors": [], "messages": ["m"], "result_info": {}}
    assert Host(json.dumps(envelope)).request("GET", "/x") == envelope | {"status": 200}


def test_an_envelope_without_some_keys_gets_them() -> None:
    answer = Host('{"success":true,"errors":[]}', status=201).request("POST", "/x")
    assert answer == {"success": True, "status": 201, "result": None, "errors": [], "messages": []}


@pytest.mark.parametrize(
    ("body", "kind", "result"),
    [
        ('[{"id":1}]', "json", [{"id": 1}]),
        ('{"success":"of my life"}', "json", {"success": "of my life"}),
        ("null", "json", None),
        ("plain\ntext", "text", "plain\ntext"),
        ("/wA=", "bytes", b"\xff\0"),
        ("", "empty", None),
    ],
)
def test_any_other_answer_is_put_into_an_envelope(body: str, kind: str, result: Any) -> None:
    answer = Host(body, kind, status=204).request("GET", "/x")
    assert answer == {
        "success": True,
        "status": 204,
        "result": result,
        "errors": [],
        "messages": [],
    }


def test_the_links_of_an_answer_without_an_envelope_are_kept() -> None:
    assert Host("[]", link='</x?page=2>; rel="next"').request("GET", "/x")["link"].startswith("</x")


def test_graphql_gives_its_data() -> None:
    answer = Host('{"data":{"viewer":1},"errors":null}').request("POST", "/graphql", body={})
    assert answer["result"] == {"viewer": 1}
    assert (answer["success"], answer["errors"], answer["status"]) == (True, [], 200)


def test_graphql_with_data_and_errors_is_no_success_and_no_exception() -> None:
    body = '{"data":{"a":1,"b":null},"errors":[{"message":"b failed","path":["b"]}]}'
    answer = Host(body).request("POST", "/graphql?x=1", body={})
    assert (answer["success"], answer["result"]) == (False, {"a": 1, "b": None})
    assert answer["errors"] == [{"code": None, "message": "b failed", "path": ["b"]}]


@pytest.mark.parametrize("data", ['"data":null,', ""])
def test_graphql_with_errors_alone_raises(data: str) -> None:
    error = Host("{" + data + '"errors":[{"message":"no such field"}]}').fail("POST", "/graphql")
    assert error.errors == [{"code": None, "message": "no such field"}]
    assert str(error) == "200 POST /graphql: no such field"


# What it raises


def test_an_error_has_status_errors_ray_id_and_one_line() -> None:
    body = '{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}'
    error = Host(body, status=403, ray_id="8a").fail()
    assert (error.status, error.ray_id) == (403, "8a")
    assert error.errors == [{"code": 10000, "message": "Authentication error"}]
    assert error.message == "10000 Authentication error"
    assert str(error) == "403 GET /zones: 10000 Authentication error (ray 8a)"
    assert error.__cause__ is None
    assert error.__context__ is None


def test_success_false_raises_whatever_the_status() -> None:
    assert Host('{"success":false,"errors":[],"result":null}').fail().message == "OK"


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (
            '{"success":false,"errors":[{"code":1004,"message":"DNS Validation Error",'
            '"error_chain":[{"code":9005,"message":"Content is invalid"}]}]}',
            "json",
            "1004 DNS Validation Error (9005 Content is invalid)",
        ),
        (
            '{"message":"Validation Failed","errors":[{"resource":"Issue","field":"title",'
            '"code":"missing_field"}],"documentation_url":"https://docs.test"}',
            "json",
            "Validation Failed; missing_field Issue title",
        ),
        ('{"type":"about:blank","title":"Gone","detail":"since May"}', "json", "Gone: since May"),
        (
            '{"error":"invalid_grant","error_description":"expired"}',
            "json",
            "invalid_grant expired",
        ),
        ('{"error":{"code":7,"message":"bad"}}', "json", "7 bad"),
        ('{"errors":{"name":["is taken"]}}', "json", "name ['is taken']"),
        ('{"errors":["one","two"]}', "json", "one; two"),
        ('{"errors":[' + ",".join(['"e"'] * 9) + "]}", "json", "e; e; e; e; e; and 4 more"),
        ("<html><title>502 Bad gateway</title>" + "x" * 999, "text", "502 Bad gateway"),
        ("no healthy upstream", "text", "no healthy upstream"),
        ("AAEC", "bytes", "Bad Request"),
        ("", "empty", "Bad Request"),
        ("[]", "json", "Bad Request"),
        ("{}", "json", "Bad Request"),
    ],
)
def test_the_errors_of_other_apis_are_understood(body: str, kind: str, message: str) -> None:
    error = Host(body, kind, status=400).fail()
    assert error.message == message
    assert all({"code", "message"} <= item.keys() for item in error.errors)


def test_a_429_says_when_to_try_again() -> None:
    error = Host("", "empty", status=429, retry_after="7").fail()
    assert error.retry_after == 7
    assert str(error) == "429 GET /zones: Too Many Requests (retry after 7 s)"
    date = "Wed, 21 Oct 2026 07:28:00 GMT"
    assert Host("", "empty", status=429, retry_after=date).fail().retry_after is None


def test_a_note_of_the_host_is_part_of_the_message() -> None:
    note = "no token was sent: set CLOUDFLARE_API_TOKEN"
    assert str(Host("", "empty", status=401, note=note).fail()).endswith(note)


def test_a_redirect_raises_and_names_its_target() -> None:
    error = Host("", "empty", status=302, location="https://other.test/").fail()
    assert "redirect to https://other.test/, which is not followed" in str(error)
    assert Host("", "empty", status=304).fail().message == "Not Modified"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"success":true,"result":[1,', "does not parse"),
        ("", "does not parse"),
        ("[" * 100_000, "nested too deep"),
        ("9" * 5000, "does not parse"),
    ],
    ids=["truncated", "nothing", "deep", "long number"],
)
def test_json_that_does_not_parse_raises_with_status_and_beginning(body: str, reason: str) -> None:
    error = Host(body, status=200).fail()
    assert reason in error.message
    assert error.status == 200
    assert repr(body[:20])[:-1] in error.message
    assert len(str(error)) < 400


def test_a_request_that_got_no_answer_has_no_status() -> None:
    host = Host()
    host.reply = '{"error":{"kind":"refused","message":"two slashes"}}\n'
    error = host.fail("GET", "//x")
    assert (error.status, error.ray_id) == (None, None)
    assert error.errors == [{"code": "refused", "message": "two slashes"}]
    assert str(error) == "GET //x: two slashes"


def test_an_answer_that_broke_off_has_the_status_that_came() -> None:
    host = Host()
    host.reply = '{"error":{"kind":"broken","message":"broke off"},"status":201}\n'
    assert host.fail("POST", "/x").status == 201


def test_the_code_can_raise_and_catch_the_error_itself() -> None:
    error = Host().error("my own")
    assert (str(error), error.status, error.errors) == ("my own", None, [])


def test_requests_in_gather_are_on_the_way_at_once() -> None:
    """No call is answered before all have started."""

    async def main() -> None:
        everyone = asyncio.Barrier(5)

        async def call(target: str, payload: str) -> str:
            await everyone.wait()
            return '{"status":200,"kind":"empty"}\n'

        namespace, _ = make("api", call)
        async with asyncio.timeout(20):
            await asyncio.gather(*(namespace.request("GET", f"/{n}") for n in range(5)))

    asyncio.run(main())
