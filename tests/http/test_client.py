"""HTTP under caps, against a server on loopback that misbehaves in every way."""

from __future__ import annotations

import asyncio
import gzip
import socket
import zlib
from collections.abc import Awaitable, Callable

import loopback
import pytest
from loopback import Loopback, write_answer

from pymode.errors import HttpError, RequestRefused
from pymode.http.client import Http, Response

LIMIT_BYTES = 10_000


def fetch(answer: bytes | loopback.Answer, wall_seconds: float = 20, **options: object) -> Response:
    """Send one GET to a server that gives this answer."""

    async def main() -> Response:
        async with (
            loopback.running(answer) as server,
            Http(response_bytes=LIMIT_BYTES, wall_seconds=wall_seconds) as http,
        ):
            method = str(options.pop("method", "GET"))
            return await http.send(method, server.url + "/x", **options)  # type: ignore[arg-type]

    return asyncio.run(main())


def run(use: Callable[[Loopback, Http], Awaitable[None]], answer: bytes | loopback.Answer) -> None:
    """Run a test that needs the server and the client at once."""

    async def main() -> None:
        async with (
            loopback.running(answer) as server,
            Http(response_bytes=LIMIT_BYTES, wall_seconds=20, connections=8) as http,
        ):
            await use(server, http)

    asyncio.run(main())


def test_a_response_has_its_status_headers_and_body() -> None:
    response = fetch(write_answer(b"hello", status=404, headers={"X-One": "1", "CF-Ray": "8a"}))
    assert (response.status, response.body) == (404, b"hello")
    assert (response.headers["x-one"], response.headers["cf-ray"]) == ("1", "8a")


def test_requests_reuse_one_connection() -> None:
    async def use(server: Loopback, http: Http) -> None:
        for _ in range(5):
            await http.send("GET", server.url + "/x")
        assert server.connections == 1
        assert len(server.received) == 5

    run(use, write_answer(b"ok"))


def test_requests_run_at_once() -> None:
    """Nobody is answered before all have arrived."""

    async def use(server: Loopback, http: Http) -> None:
        everyone = asyncio.Barrier(8)

        async def answer(writer: asyncio.StreamWriter) -> None:
            await everyone.wait()
            writer.write(write_answer(b"ok"))

        server.answer = answer
        await asyncio.gather(*(http.send("GET", f"{server.url}/{n}") for n in range(8)))
        assert server.connections == 8

    run(use, b"")


def test_the_environment_is_not_asked_for_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetch(write_answer(b"ok")).body == b"ok"


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async def use(server: Loopback, http: Http) -> None:
        response = await http.send("GET", server.url + "/x")
        assert (response.status, response.headers["location"]) == (302, "/elsewhere")
        assert len(server.received) == 1

    run(use, write_answer(status=302, headers={"Location": "/elsewhere"}))


def test_cookies_of_one_answer_are_not_sent_with_the_next_request() -> None:
    async def use(server: Loopback, http: Http) -> None:
        for _ in range(2):
            await http.send("GET", server.url + "/x")
        assert "cookie" not in server.received[1].headers

    run(use, write_answer(headers={"Set-Cookie": "a=b"}))


def test_headers_and_body_arrive_as_given() -> None:
    async def use(server: Loopback, http: Http) -> None:
        headers = {"Content-Type": "text/plain", "Accept-Encoding": "br"}
        await http.send("PUT", server.url + "/x?a=%20b", headers=headers, content=b"body")
        received = server.received[0]
        assert (received.method, received.target, received.body) == ("PUT", "/x?a=%20b", b"body")
        assert received.headers["content-type"] == "text/plain"
        assert received.headers["accept-encoding"] == "identity"
        assert received.headers["user-agent"] == "pymode"

    run(use, write_answer())


def test_files_are_sent_as_multipart() -> None:
    async def use(server: Loopback, http: Http) -> None:
        files = [
            ("meta", (None, b"{}", None)),
            ("f", ("a.js", b"x = 1", "application/javascript+module")),
        ]
        await http.send("PUT", server.url + "/x", files=files)
        received = server.received[0]
        assert received.headers["content-type"].startswith("multipart/form-data; boundary=")
        assert b'name="meta"\r\n\r\n{}' in received.body
        assert b'name="f"; filename="a.js"' in received.body
        assert b"Content-Type: application/javascript+module\r\n\r\nx = 1" in received.body

    run(use, write_answer())


def test_the_answer_to_head_has_no_body() -> None:
    head = b"HTTP/1.1 200 X\r\ncontent-length: 99999999\r\ncontent-encoding: gzip\r\n\r\n"
    assert fetch(head, method="HEAD").body == b""


@pytest.mark.parametrize("declared", ["10001", "9" * 19])
def test_a_body_that_is_declared_too_large_is_not_read(declared: str) -> None:
    with pytest.raises(HttpError, match="larger than 10,000 bytes") as caught:
        fetch(f"HTTP/1.1 200 X\r\ncontent-length: {declared}\r\n\r\n".encode())
    assert caught.value.kind == "too_large"


def test_a_body_without_a_length_is_stopped_at_the_cap() -> None:
    async def pour(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
            await writer.drain()

    with pytest.raises(HttpError, match="larger than 10,000 bytes"):
        fetch(pour)


def test_a_body_of_exactly_the_cap_is_read() -> None:
    assert len(fetch(write_answer(b"x" * LIMIT_BYTES)).body) == LIMIT_BYTES


def test_a_server_that_drips_is_stopped_by_one_deadline() -> None:
    """Each byte comes soon after the last; only a deadline over all of them ends it."""

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 X\r\ncontent-length: 9000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    with pytest.raises(HttpError, match=r"within 0\.2 s") as caught:
        fetch(drip, wall_seconds=0.2)
    assert caught.value.kind == "timeout"


def test_a_server_that_never_answers_is_stopped_by_the_deadline() -> None:
    with pytest.raises(HttpError, match="no complete answer"):
        fetch(b"", wall_seconds=0.1)


def test_a_cancelled_request_closes_its_connection() -> None:
    async def use(server: Loopback, http: Http) -> None:
        arrived = asyncio.Event()

        async def stall(writer: asyncio.StreamWriter) -> None:
            arrived.set()
            await asyncio.Event().wait()

        server.answer = stall
        request = asyncio.create_task(http.send("GET", server.url + "/x"))
        await arrived.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        server.answer = write_answer(b"ok")
        assert (await http.send("GET", server.url + "/x")).body == b"ok"
        assert server.connections == 2

    run(use, b"")


def test_nobody_listening_is_a_connection_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"

        async def main() -> None:
            async with Http(response_bytes=1, wall_seconds=20) as http:
                await http.send("GET", url)

        with pytest.raises(HttpError, match=r"cannot connect to 127\.0\.0\.1") as caught:
            asyncio.run(main())
    assert caught.value.kind == "connection"
    assert not caught.value.arrived


@pytest.mark.parametrize(
    "answer",
    [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200"],
    ids=["nothing", "not HTTP", "half a head"],
)
def test_a_lost_connection_says_that_the_effect_is_unknown(answer: bytes) -> None:
    async def close(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    with pytest.raises(HttpError, match="took effect is not known") as caught:
        fetch(close, method="POST")
    error = caught.value
    assert (error.kind, error.arrived, error.status) == ("broken", True, None)


def test_an_answer_that_breaks_off_names_its_status() -> None:
    async def close(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 201 X\r\ncontent-length: 10\r\n\r\nshort")
        await writer.drain()
        writer.close()

    with pytest.raises(HttpError, match="answered with status 201, but not to the end") as caught:
        fetch(close, method="POST")
    error = caught.value
    assert (error.kind, error.arrived, error.status) == ("broken", True, 201)


def test_an_answer_that_is_too_large_has_its_status() -> None:
    with pytest.raises(HttpError) as caught:
        fetch(write_answer(b"x" * (LIMIT_BYTES + 1), status=201), method="POST")
    assert (caught.value.arrived, caught.value.status) == (True, 201)


# What surely was not sent


def test_a_deadline_that_has_passed_sends_nothing() -> None:
    async def use(server: Loopback, http: Http) -> None:
        await http.send("GET", server.url)  # so that there is a connection to send on
        now = asyncio.get_running_loop().time()
        with pytest.raises(HttpError, match="this attempt sent nothing") as caught:
            await http.send("POST", server.url, deadline=now - 1)
        assert (caught.value.kind, caught.value.arrived) == ("timeout", False)
        assert len(server.received) == 1

    run(use, write_answer(b"ok"))


def test_a_deadline_ends_a_request_before_its_wall_time() -> None:
    async def use(server: Loopback, http: Http) -> None:
        deadline = asyncio.get_running_loop().time() + 0.1
        with pytest.raises(HttpError, match=r"within 0\.1 s; whether the request") as caught:
            await http.send("POST", server.url, deadline=deadline)
        assert (caught.value.kind, caught.value.arrived) == ("timeout", True)

    run(use, b"")


def test_departing_is_told_of_a_request_that_goes_out_also_when_it_is_cancelled() -> None:
    """One connection: the second request waits for it, and was never sent."""

    async def main() -> None:
        told: list[str] = []
        arrived = asyncio.Event()

        async def stall(writer: asyncio.StreamWriter) -> None:
            assert told == ["first"]
            arrived.set()
            await asyncio.Event().wait()

        async with (
            loopback.running(stall) as server,
            Http(response_bytes=10, wall_seconds=20, connections=1) as http,
        ):

            def start(name: str) -> asyncio.Task[Response]:
                sending = http.send("POST", server.url, departing=lambda: told.append(name))
                return asyncio.create_task(sending)

            tasks = [start("first"), start("second")]
            await arrived.wait()
            # In this order: the connection must not become free for the second.
            for task in reversed(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert all(task.cancelled() for task in tasks)
            assert (told, len(server.received)) == (["first"], 1)

    asyncio.run(main())


def test_departing_is_told_once_on_a_connection_used_before() -> None:
    async def use(server: Loopback, http: Http) -> None:
        told: list[int] = []
        for number in range(3):
            departing = lambda number=number: told.append(number)  # noqa: E731 - of this round
            await http.send("POST", server.url, content=b"x" * 100, departing=departing)
        assert (told, server.connections) == ([0, 1, 2], 1)

    run(use, write_answer(b"ok"))


# One pool for each origin


def test_a_slow_origin_takes_no_connection_from_another() -> None:
    async def main() -> None:
        arrived = asyncio.Event()

        async def stall(writer: asyncio.StreamWriter) -> None:
            arrived.set()
            await asyncio.Event().wait()

        async with (
            loopback.running(stall) as slow,
            loopback.running(write_answer(b"ok")) as quick,
            Http(response_bytes=10, wall_seconds=20, connections=1) as http,
        ):
            waiting = asyncio.create_task(http.send("GET", slow.url))
            await arrived.wait()
            assert (await http.send("GET", quick.url)).body == b"ok"
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(main())


def test_two_origins_in_turn_keep_their_connections() -> None:
    async def main() -> None:
        async with (
            loopback.running(write_answer(b"a")) as one,
            loopback.running(write_answer(b"b")) as two,
            Http(response_bytes=10, wall_seconds=20) as http,
        ):
            for _ in range(3):
                assert (await http.send("GET", one.url)).body == b"a"
                assert (await http.send("GET", two.url)).body == b"b"
            assert (one.connections, two.connections) == (1, 1)

    asyncio.run(main())


RAW_DEFLATE = zlib.compressobj(9, zlib.DEFLATED, -15)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b"hello", mtime=0)),
        ("x-gzip", gzip.compress(b"hello", mtime=0)),
        ("deflate", zlib.compress(b"hello")),
        ("deflate", RAW_DEFLATE.compress(b"hello") + RAW_DEFLATE.flush()),
        ("identity", b"hello"),
    ],
)
def test_a_body_compressed_without_being_asked_is_inflated(encoding: str, body: bytes) -> None:
    answer = write_answer(body, headers={"content-encoding": encoding})
    assert fetch(answer).body == b"hello"


def test_a_small_body_that_inflates_to_a_large_one_is_stopped() -> None:
    bomb = gzip.compress(bytes(5_000_000))
    assert len(bomb) < LIMIT_BYTES
    with pytest.raises(HttpError, match="once decompressed") as caught:
        fetch(write_answer(bomb, headers={"content-encoding": "gzip"}))
    assert caught.value.kind == "too_large"


@pytest.mark.parametrize(
    ("encoding", "body", "reason"),
    [
        ("gzip", b"no gzip at all", "damaged"),
        ("gzip", gzip.compress(b"hello" * 100, mtime=0)[:-9], "ends too early"),
        ("gzip", gzip.compress(b"a", mtime=0) + gzip.compress(b"b", mtime=0), "data after its end"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"a", mtime=0), mtime=0), "not understood"),
        ("br", b"x", "not understood"),
    ],
)
def test_a_compressed_body_that_cannot_be_read_is_an_error(
    encoding: str, body: bytes, reason: str
) -> None:
    with pytest.raises(HttpError, match=reason) as caught:
        fetch(write_answer(body, headers={"content-encoding": encoding}))
    assert caught.value.kind == "encoding"


@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1/x", "/x", "http://", "http://[::1", "http://h/" + "x" * 70_000],
    ids=lambda url: url[:20],
)
def test_a_url_that_is_none_is_refused(url: str) -> None:
    async def main() -> None:
        async with Http(response_bytes=1, wall_seconds=20) as http:
            await http.send("GET", url)

    with pytest.raises(RequestRefused):
        asyncio.run(main())


@pytest.mark.parametrize(
    "url",
    [
        "https://api.test/v4/../v5/x",
        "https://api.test/v4x/",
        "https://api.test/v4",
        "https://api.test.evil.test/v4/x",
        "https://api.test:444/v4/x",
        "http://api.test/v4/x",
        "https://user@api.test/v4/x",
        "https://api.test@evil.test/v4/x",
        "https://api.test\\@evil.test/v4/x",
        "https://evil.test/v4/x",
    ],
)
def test_a_url_outside_of_its_base_is_refused_before_a_connection(url: str) -> None:
    """The last check before the wire, whatever was checked before."""

    async def main() -> None:
        async with Http(response_bytes=1, wall_seconds=20) as http:
            await http.send("GET", url, within="https://api.test/v4")

    with pytest.raises(RequestRefused):
        asyncio.run(main())
