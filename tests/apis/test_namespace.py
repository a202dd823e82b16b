"""The host's side of a request: what it refuses, sends, records and answers."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable

import loopback
import pytest
from loopback import Loopback, write_answer
from pydantic import SecretStr
from run_of_one import RunOfOne, run_api

from pymode.actions.sent import SentRequest
from pymode.errors import ConfigError, HostCallError
from pymode.http.client import Http
from pymode.limits import Limits
from pymode.namespaces import token_variable

TOKEN = "v1_abcDEF-0123456789_xyzXYZ-secret"
JSON = {"content-type": "application/json"}


def run(
    use: Callable[[Loopback, RunOfOne], Awaitable[None]],
    answer: bytes | loopback.Answer = b"",
    token: str | None = TOKEN,
    limits: Limits | None = None,
) -> None:
    """Run a test with a host namespace and the server that it talks to."""

    async def main() -> None:
        async with (
            loopback.running(answer or write_answer(b"{}", headers=JSON)) as server,
            Http(response_bytes=10_000, wall_seconds=20) as http,
        ):
            secret = SecretStr(token) if token else None
            host = run_api("api", server.url + "/v4", secret, http, limits or Limits())
            await use(server, host)

    asyncio.run(main())


def read_reply(reply: str) -> tuple[dict[str, object], str]:
    line, _, body = reply.partition("\n")
    return json.loads(line), body


def answer_once(answer: bytes, token: str | None = TOKEN) -> tuple[dict[str, object], str]:
    """Give the reply to one plain request."""
    replies = []

    async def use(server: Loopback, host: RunOfOne) -> None:
        replies.append(await host.request('{"method":"GET","path":"/x"}'))

    run(use, answer, token)
    return read_reply(replies[0])


def test_a_request_goes_out_with_the_token_below_the_base_url() -> None:
    async def use(server: Loopback, host: RunOfOne) -> None:
        payload = {"method": "put", "path": "/x y", "query": [["a", "b c"]], "body": "text"}
        payload |= {"headers": {"X-One": "1"}, "content_type": "text/plain"}
        head, _ = read_reply(await host.request(json.dumps(payload) + "\nline 1\nline 2 ü"))
        assert head["status"] == 200
        received = server.received[0]
        assert (received.method, received.target) == ("PUT", "/v4/x%20y?a=b%20c")
        assert received.headers["authorization"] == f"Bearer {TOKEN}"
        assert received.headers["x-one"] == "1"
        assert received.headers["content-type"] == "text/plain"
        assert received.body.decode() == "line 1\nline 2 ü"

    run(use)


@pytest.mark.parametrize(
    "path",
    [
        "/a;b=1/c,d/(e)/f'g*!$&+=:~",
        "/ai/run/@cf/meta/llama-3.1-8b-instruct",
        "/values/a%2Fb%3Fc%23d%25%5B%40",
        "/values/%C3%BC%20%22?q=%C3%BC%27%28x%29&r=a%2Bb~c",
    ],
)
def test_the_url_that_was_checked_is_the_url_that_is_sent(path: str) -> None:
    """The HTTP library encodes nothing a second time and decodes nothing."""

    async def use(server: Loopback, host: RunOfOne) -> None:
        await host.request(json.dumps({"method": "GET", "path": path}))
        assert server.received[0].target == "/v4" + path

    run(use)


def test_bodies_in_base64_and_files_arrive_as_bytes() -> None:
    async def use(server: Loopback, host: RunOfOne) -> None:
        data = base64.b64encode(b"\xff\0").decode()
        await host.request('{"method":"POST","path":"/x","body":"base64"}\n' + data)
        assert server.received[0].body == b"\xff\0"
        files = [
            {"name": "meta", "encoding": "text", "chars": 2, "content_type": "application/json"},
            {"name": "f", "filename": 'a"b.bin', "encoding": "base64", "chars": 4},
        ]
        payload = json.dumps({"method": "POST", "path": "/x", "files": files})
        head, _ = read_reply(await host.request(f"{payload}\n{{}}{data}"))
        assert head.get("status") == 200
        body = server.received[1].body
        assert b'name="meta"\r\nContent-Type: application/json\r\n\r\n{}\r\n' in body
        assert b'filename="a%22b.bin"' in body
        assert b"\r\n\r\n\xff\0\r\n" in body

    run(use)


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "no JSON",
        "[]",
        "null",
        "NaN",
        "[" * 100_000,
        '{"a":' * 50_000,
        "{}",
        '{"method":"GET"}',
        '{"path":"/x"}',
        '{"method":"TRACE","path":"/x"}',
        '{"method":"CONNECT","path":"/x"}',
        '{"method":"GET /x HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n","path":"/x"}',
        '{"method":1,"path":"/x"}',
        '{"method":"GET","path":["/x"]}',
        '{"method":"GET","path":"/../x"}',
        '{"method":"GET","path":"//evil.test/"}',
        '{"method":"GET","path":"/x","unknown":1}',
        '{"method":"GET","path":"/x","url":"https://evil.test"}',
        '{"method":"GET","path":"/x","query":{"a":1}}',
        '{"method":"GET","path":"/x","query":[["a",NaN]]}',
        '{"method":"GET","path":"/x","query":[["a"]]}',
        '{"method":"GET","path":"/x","query":[["a","\\ud800"]]}',
        '{"method":"GET","path":"/x","headers":[]}',
        '{"method":"GET","path":"/x","headers":{"a":1}}',
        '{"method":"GET","path":"/x","headers":{"a b":"1"}}',
        '{"method":"GET","path":"/x","headers":{"":"1"}}',
        '{"method":"GET","path":"/x","headers":{"a":"1\\r\\nb: 2"}}',
        '{"method":"GET","path":"/x","headers":{"a\\r\\nb":"1"}}',
        '{"method":"GET","path":"/x","headers":{"a":"ü"}}',
        '{"method":"GET","path":"/x","content_type":"a\\nb"}',
        '{"method":"GET","path":"/x","content_type":5}',
        '{"method":"POST","path":"/x","body":{"a":1}}',
        '{"method":"POST","path":"/x"}\nbody',
        '{"method":"POST","path":"/x","body":"base64"}\nno base64!',
        '{"method":"POST","path":"/x","body":"text"}\n\ud800',
        '{"method":"POST","path":"/x","files":{}}',
        '{"method":"POST","path":"/x","files":[]}',
        '{"method":"POST","path":"/x","files":[1]}',
        '{"method":"POST","path":"/x","files":[1],"body":"text"}',
        '{"method":"POST","path":"/x","files":[1],"content_type":"application/json"}',
        '{"method":"POST","path":"/x","files":[{"name":"a","encoding":"text","chars":-1}]}\nab',
        '{"method":"POST","path":"/x","files":[{"name":"a","encoding":"text","chars":9}]}\nab',
        '{"method":"POST","path":"/x","files":[{"name":"a","encoding":"text","chars":1}]}\nab',
        '{"method":"POST","path":"/x","files":[{"name":"a","encoding":"text","chars":1.0}]}\na',
        '{"method":"POST","path":"/x","files":[{"name":"\\ud800","encoding":"text","chars":1}]}\na',
        '{"method":"POST","path":"/x","files":[{"name":1,"encoding":"text","chars":1}]}\na',
        '{"method":"POST","path":"/x","files":[{"name":"a","encoding":"zip","chars":1}]}\na',
        '{"method":"POST","path":"/x","files":[{"name":"a","encoding":"text","chars":1,'
        '"content_type":"a\\r\\nb: c"}]}\na',
    ],
    ids=lambda payload: ascii(payload[:60]),
)
def test_a_request_that_is_not_well_formed_is_answered_and_never_sent(payload: str) -> None:
    async def use(server: Loopback, host: RunOfOne) -> None:
        head, body = read_reply(await host.request(payload))
        assert head["error"]["kind"] == "refused"  # type: ignore[index]
        assert body == ""
        assert server.received == []
        assert host.sent == []

    run(use)


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "authorization",
        "AUTHORIZATION",
        "Host",
        "Cookie",
        "Proxy-Authorization",
        "X-Auth-Key",
        "X-Auth-Email",
        "X-Auth-User-Service-Key",
        "Connection",
        "Content-Length",
        "Transfer-Encoding",
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "Upgrade",
        "TE",
        "Trailer",
        "Expect",
        "Accept-Encoding",
        "X_Auth_Key",
        "X-HTTP-Method-Override",
        "X-Original-URL",
        "X-Api-Key",
    ],
)
def test_a_header_that_belongs_to_the_host_is_refused(name: str) -> None:
    async def use(server: Loopback, host: RunOfOne) -> None:
        payload = {"method": "GET", "path": "/x", "headers": {name: "1"}}
        head, _ = read_reply(await host.request(json.dumps(payload)))
        assert name in head["error"]["message"]  # type: ignore[index]
        assert server.received == []

    run(use)


@pytest.mark.parametrize("character", ["x", "€"])
def test_a_request_over_its_limit_is_refused(character: str) -> None:
    """The limit counts bytes, so 500 signs of three bytes are over 1,000 too."""

    async def use(server: Loopback, host: RunOfOne) -> None:
        fits = '{"method":"POST","path":"/x","body":"text"}\n' + "x" * 900
        assert "status" in read_reply(await host.request(fits))[0]
        repeated = 1000 if character == "x" else 500
        payload = '{"method":"POST","path":"/x","body":"text"}\n' + character * repeated
        head, _ = read_reply(await host.request(payload))
        assert "larger than 1,000 bytes" in head["error"]["message"]  # type: ignore[index]

    run(use, limits=Limits(request_bytes=1000))


def test_the_traffic_of_a_call_is_limited_in_all() -> None:
    """Requests and responses count together; the request that goes over is not sent."""

    async def use(server: Loopback, host: RunOfOne) -> None:
        server.answer = write_answer(b"y" * 300)
        payload = '{"method":"POST","path":"/x","body":"text"}\n' + "x" * 400
        assert "status" in read_reply(await host.request(payload))[0]
        head, _ = read_reply(await host.request(payload))
        assert "over 1,000 bytes together" in head["error"]["message"]  # type: ignore[index]
        assert len(server.received) == 1

    run(use, limits=Limits(traffic_bytes=1000))


CHUNKS = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"64\r\n%b\r\n" % (b"y" * 100) * 3
)
CHUNKED = CHUNKS + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "whole"),
    [(write_answer(b"y" * 300), 3), (CHUNKED, None)],
    ids=["declared", "chunked"],
)
def test_answers_that_come_at_once_have_room_before_they_are_read(
    answer: bytes, whole: int | None
) -> None:
    """Where the server says how long they are, as many come whole as there is room for."""

    async def use(server: Loopback, host: RunOfOne) -> None:
        server.answer = answer
        payload = '{"method":"GET","path":"/x"}\n'
        replies = await asyncio.gather(*(host.request(payload) for _ in range(8)))
        heads = [read_reply(reply)[0] for reply in replies]
        refused = [str(head["error"]) for head in heads if "error" in head]
        assert all("over 1,000 bytes together" in message for message in refused)
        assert whole is None or len(refused) == 8 - whole
        assert refused
        assert host.context.traffic_bytes <= 1000

    run(use, limits=Limits(traffic_bytes=1000))


def test_the_head_of_a_request_may_not_be_a_bomb() -> None:
    async def use(server: Loopback, host: RunOfOne) -> None:
        payload = '{"method":"GET","path":"/x","query":[' + "[]," * 1_000_000 + "[]]}"
        head, _ = read_reply(await host.request(payload))
        assert "move data into the body" in head["error"]["message"]  # type: ignore[index]

    run(use)


@pytest.mark.parametrize(
    ("content_type", "body", "kind", "text"),
    [
        ("application/json", b'{"a":1}', "json", '{"a":1}'),
        ("application/json; charset=utf-8", b"\xef\xbb\xbf[]", "json", "[]"),
        ("application/problem+json", b"{}", "json", "{}"),
        ("application/json", b'"\xff"', "bytes", "Iv8i"),
        ("text/plain", "ü".encode(), "text", "ü"),
        ("text/html; charset=ISO-8859-1", b"\xfc", "text", "ü"),
        ("text/plain", b"\xff", "bytes", "/w=="),
        ("application/javascript", b"x", "text", "x"),
        ("image/svg+xml", b"<svg/>", "text", "<svg/>"),
        ("image/png", b"PNG", "bytes", "UE5H"),
        ("application/octet-stream", b"abc", "bytes", "YWJj"),
        ("", b' {"a":1}', "json", ' {"a":1}'),
        ("", b"abc", "text", "abc"),
        ("", b"\0\1", "bytes", "AAE="),
        ("application/json", b"", "empty", ""),
    ],
)
def test_a_reply_says_what_kind_of_body_it_has(
    content_type: str, body: bytes, kind: str, text: str
) -> None:
    headers = {"content-type": content_type} if content_type else {}
    head, replied = answer_once(write_answer(body, headers=headers))
    assert (head["kind"], replied) == (kind, text)
    assert head["content_type"] == content_type


def test_a_reply_carries_the_headers_that_the_code_can_use() -> None:
    headers = {"CF-Ray": "8a", "Retry-After": "7", "Location": "/y", "Link": '</y>; rel="next"'}
    head, _ = answer_once(write_answer(status=429, headers=headers))
    assert (head["ray_id"], head["retry_after"], head["location"]) == ("8a", "7", "/y")
    assert head["link"] == '</y>; rel="next"'


def test_the_token_is_taken_out_of_body_headers_records_and_errors() -> None:
    basic = base64.b64encode(f"Bearer {TOKEN}".encode()).decode()
    headers = JSON | {"Location": f"/?t={TOKEN}", "CF-Ray": TOKEN}
    answer = write_answer(f'{{"a":"{TOKEN}","b":"{basic}"}}'.encode(), headers=headers)

    async def use(server: Loopback, host: RunOfOne) -> None:
        reply = await host.request(json.dumps({"method": "GET", "path": f"/{TOKEN}"}))
        refusal = await host.request(json.dumps({"method": "GET", "path": f"/{{{TOKEN}}}"}))
        for text in (reply, refusal, repr(host), str(host.sent)):
            assert TOKEN not in text
            assert TOKEN[:12] not in text
            assert basic[12:40] not in text
        assert "[token]" in reply

    run(use, answer)


def test_without_a_token_none_is_sent_and_a_401_says_what_to_set() -> None:
    async def use(server: Loopback, host: RunOfOne) -> None:
        head, _ = read_reply(await host.request('{"method":"GET","path":"/x"}'))
        assert "authorization" not in server.received[0].headers
        assert "API_API_TOKEN" in str(head["note"])

    run(use, write_answer(status=401), token=None)
    head, _ = answer_once(write_answer(status=401))
    assert "note" not in head


def test_a_failure_of_the_network_is_a_reply_with_its_kind() -> None:
    head, _ = answer_once(write_answer(b"x" * 10_001))
    assert head["error"]["kind"] == "too_large"  # type: ignore[index]


def test_each_request_is_recorded_without_its_query() -> None:
    async def use(server: Loopback, host: RunOfOne) -> None:
        await host.request('{"method":"GET","path":"/x?secret=1"}')
        server.answer = write_answer(b"x" * 10_001)
        await host.request('{"method":"POST","path":"/y"}')
        first, second = host.sent
        assert isinstance(first, SentRequest)
        assert (first.method, first.path, first.status) == ("GET", "/x", 200)
        assert (second.method, second.path, second.status) == ("POST", "/y", 200)
        assert second.seconds > 0

    run(use)


def test_a_cancelled_request_is_recorded_and_stays_cancelled() -> None:
    async def use(server: Loopback, host: RunOfOne) -> None:
        arrived = asyncio.Event()

        async def stall(writer: asyncio.StreamWriter) -> None:
            arrived.set()
            await asyncio.Event().wait()

        server.answer = stall
        request = asyncio.create_task(host.request('{"method":"GET","path":"/x"}'))
        await arrived.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        assert host.sent[0].status is None

    run(use)


def find_account(answer: bytes, token: str | None = TOKEN) -> str:
    """Give the account id that is found, with this answer to GET /accounts."""
    found = []

    async def use(server: Loopback, host: RunOfOne) -> None:
        found.append(await host.account_id())
        assert server.received[0].target == "/v4/accounts?per_page=50"

    run(use, answer, token)
    return found[0]


def write_accounts(*names: str, total: int | None = None) -> bytes:
    """Write an answer that lists accounts, whose ids are id-NAME."""
    result = [{"id": f"id-{name}", "name": name} for name in names]
    info = {"total_count": len(names) if total is None else total}
    envelope = {"success": True, "result": result, "result_info": info}
    return write_answer(json.dumps(envelope).encode(), headers=JSON)


def test_the_only_account_is_found() -> None:
    assert find_account(write_accounts("One")) == "id-One"


def test_several_accounts_are_listed_with_what_to_do() -> None:
    with pytest.raises(HostCallError) as caught:
        find_account(write_accounts("One", "Two", total=60))
    for text in ("One (id-One)", "Two (id-Two)", "58 more", "--account-id", "60 accounts"):
        assert text in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (write_accounts(), "no account"),
        (write_answer(status=404), "has no accounts"),
        (write_answer(b"<html>", status=502), "502 and no JSON"),
        (write_answer(b"[" * 9_000), "no JSON"),
        (write_answer(b"{}"), "without a list"),
        (write_answer(b'{"success":true,"result":[{"id":5},7]}'), "no account"),
        (
            write_answer(b'{"success":false,"errors":[{"code":10000,"message":"bad"}]}'),
            "10000 bad",
        ),
        (write_answer(b'{"success":false,"errors":7}', status=403), "answered 403"),
    ],
)
def test_an_account_that_cannot_be_found_says_why(answer: bytes, reason: str) -> None:
    with pytest.raises(HostCallError, match=reason):
        find_account(answer)


def test_without_a_token_the_account_asks_for_one() -> None:
    with pytest.raises(HostCallError, match="set API_API_TOKEN"):
        find_account(write_answer(status=403), token=None)


@pytest.mark.parametrize(
    ("name", "base_url", "token"),
    [
        ("not a name", "https://api.test", None),
        ("Cloudflare", "https://api.test", None),
        ("api", "http://api.test", None),
        ("api", "https://api.test", "two words"),
        ("api", "https://api.test", "line\nbreak"),
        ("api", "https://api.test", "ünicode"),
    ],
)
def test_what_cannot_work_is_refused_at_once(name: str, base_url: str, token: str | None) -> None:
    http = Http(response_bytes=1, wall_seconds=1)
    with pytest.raises(ConfigError) as caught:
        run_api(name, base_url, SecretStr(token) if token else None, http, Limits())
    assert (token or "nothing") not in str(caught.value)


def test_the_variable_of_a_token_is_named_after_the_namespace() -> None:
    assert token_variable("cloudflare") == "CLOUDFLARE_API_TOKEN"
