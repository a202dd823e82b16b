"""Requests that are sent again, counted by the servers that got them."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

import loopback
import pytest
from loopback import Loopback, write_answer

from pymode.apis.retries import Pace, read_retry_after, send
from pymode.errors import HttpError
from pymode.http.client import Http, Response
from pymode.simulator.process import running

OK = write_answer(b"done")
READS_AND_IDEMPOTENT_WRITES = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]
NOT_IDEMPOTENT = ["POST", "PATCH"]
HALF = b"HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\nhalf of"


@dataclass
class Clock:
    """A clock that moves only when somebody sleeps."""

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)
    while_asleep: Callable[[], Awaitable[None]] | None = None

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
        if self.while_asleep:
            await self.while_asleep()

    def pace(self, draw: float = 0.0) -> Pace:
        return Pace(sleep=self.sleep, now=lambda: self.seconds, draw=lambda: draw)


def fail(status: int, **headers: str) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return write_answer(b"no", status=status, headers=named)


def script(*steps: bytes | None) -> loopback.Answer:
    """Answer one request after the other; None and half an answer break the connection off."""
    left = iter(steps)

    async def answer(writer: asyncio.StreamWriter) -> None:
        step = next(left)
        if step is not None:
            writer.write(step)
            await writer.drain()
        if step in (None, HALF):
            writer.close()

    return answer


@dataclass
class Outcome:
    """What came of one request."""

    received: list[str]
    clock: Clock
    response: Response | None = None
    attempts: int = 0
    error: HttpError | None = None


def drive(
    method: str, *steps: bytes | None, deadline: float = 60, clock: Clock | None = None
) -> Outcome:
    """Send one request to a server that answers with these steps."""
    outcome = Outcome([], clock or Clock())

    async def main() -> None:
        async with (
            loopback.running(script(*steps)) as server,
            Http(response_bytes=1000, wall_seconds=20) as http,
        ):
            try:
                outcome.response, outcome.attempts = await send(
                    lambda: http.send(method, server.url + "/x", content=b"body"),
                    method,
                    deadline,
                    pace=outcome.clock.pace(),
                )
            except HttpError as error:
                outcome.error = error
            outcome.received = [received.method for received in server.received]

    asyncio.run(main())
    return outcome


# What is sent again


@pytest.mark.parametrize("method", READS_AND_IDEMPOTENT_WRITES + NOT_IDEMPOTENT)
@pytest.mark.parametrize("status", [429, 503])
def test_every_method_is_sent_again_after_429_and_503(method: str, status: int) -> None:
    outcome = drive(method, fail(status), fail(status), OK)
    assert outcome.response is not None
    assert (outcome.response.status, outcome.attempts) == (200, 3)
    assert outcome.received == [method] * 3


@pytest.mark.parametrize("method", READS_AND_IDEMPOTENT_WRITES)
@pytest.mark.parametrize("failure", [fail(500), fail(502), fail(504), None], ids=str)
def test_idempotent_methods_are_sent_again_after_any_5xx_and_a_lost_connection(
    method: str, failure: bytes | None
) -> None:
    outcome = drive(method, failure, OK)
    assert outcome.response is not None
    assert (outcome.response.status, outcome.attempts) == (200, 2)


def test_a_read_is_sent_again_when_its_answer_breaks_off() -> None:
    outcome = drive("GET", HALF, OK)
    assert outcome.response == Response(200, {"content-length": "4"}, b"done")


@pytest.mark.parametrize("method", NOT_IDEMPOTENT)
@pytest.mark.parametrize("status", [500, 502, 504, 520])
def test_a_post_or_patch_is_not_sent_again_after_another_5xx(method: str, status: int) -> None:
    outcome = drive(method, fail(status))
    assert outcome.response is not None
    assert (outcome.response.status, outcome.attempts) == (status, 1)
    assert (outcome.received, outcome.clock.slept) == ([method], [])


@pytest.mark.parametrize("method", NOT_IDEMPOTENT)
@pytest.mark.parametrize("step", [None, HALF, b"nonsense\r\n\r\n"], ids=["lost", "half", "broken"])
def test_a_post_or_patch_that_may_have_arrived_is_not_sent_again(
    method: str, step: bytes | None
) -> None:
    async def close(writer: asyncio.StreamWriter) -> None:
        writer.write(step or b"")
        writer.close()

    async def main() -> None:
        clock = Clock()
        async with (
            loopback.running(close) as server,
            Http(response_bytes=1000, wall_seconds=20) as http,
        ):
            with pytest.raises(HttpError) as caught:
                await send(
                    lambda: http.send(method, server.url + "/x", content=b"body"),
                    method,
                    60,
                    pace=clock.pace(),
                )
            assert caught.value.arrived
            assert len(server.received) == 1
        assert clock.slept == []

    asyncio.run(main())


def test_a_get_that_is_not_idempotent_is_treated_as_a_post() -> None:
    async def once() -> Response:
        return next(left)

    left = iter([Response(503, {}, b""), Response(500, {}, b"")])
    sending = send(once, "GET", 60, idempotent=False, pace=Clock().pace())
    assert asyncio.run(sending) == (Response(500, {}, b""), 2)


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 409, 422])
def test_other_answers_are_taken_as_they_are(status: int) -> None:
    outcome = drive("GET", fail(status))
    assert (outcome.attempts, outcome.received) == (1, ["GET"])


def test_an_answer_that_is_too_large_is_not_asked_for_again() -> None:
    outcome = drive("GET", write_answer(b"x" * 1001))
    assert outcome.error is not None
    assert (outcome.error.kind, outcome.error.status) == ("too_large", 200)
    assert outcome.received == ["GET"]


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_nothing_was_sent_where_nobody_listens_so_every_method_is_sent_again(method: str) -> None:
    """The server begins to listen while the first wait is on."""

    async def main() -> None:
        received: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            received.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(OK)
            await writer.drain()
            writer.close()

        taken = socket.socket()
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/x"
        servers: list[asyncio.Server] = []

        async def listen() -> None:
            if not servers:
                servers.append(await asyncio.start_server(serve, sock=taken))

        clock = Clock(while_asleep=listen)
        async with Http(response_bytes=1000, wall_seconds=20) as http:
            response, attempts = await send(
                lambda: http.send(method, url), method, 60, pace=clock.pace()
            )
        servers[0].close()
        assert (response.body, attempts, len(received)) == (b"done", 2, 1)

    asyncio.run(main())


def test_a_connection_that_was_closed_while_idle_costs_no_attempt() -> None:
    """The client sees the end of the old connection before it sends, so a POST is safe."""

    async def main() -> None:
        ended = asyncio.Event()

        async def close(writer: asyncio.StreamWriter) -> None:
            writer.write(OK)
            writer.close()
            await writer.wait_closed()
            ended.set()

        async with (
            loopback.running(close) as server,
            Http(response_bytes=1000, wall_seconds=20) as http,
        ):
            for _ in range(5):
                ended.clear()
                clock = Clock()
                _, attempts = await send(
                    lambda: http.send("POST", server.url + "/x", content=b"{}"),
                    "POST",
                    60,
                    pace=clock.pace(),
                )
                assert attempts == 1
                await ended.wait()
            assert len(server.received) == server.connections == 5

    asyncio.run(main())


# How often, and how long it waits


def test_the_last_answer_is_returned_after_four_attempts() -> None:
    outcome = drive("GET", *[fail(503)] * 4)
    assert outcome.response is not None
    assert (outcome.response.status, outcome.attempts) == (503, 4)
    assert len(outcome.received) == 4


def test_the_waits_double_and_are_spread() -> None:
    def slept(draw: float) -> list[float]:
        clock = Clock()

        async def once() -> Response:
            return Response(503, {}, b"")

        asyncio.run(send(once, "GET", 60, pace=clock.pace(draw)))
        return clock.slept

    assert slept(0) == [0.125, 0.25, 0.5]
    assert slept(1) == [0.25, 0.5, 1.0]


def test_the_server_is_given_the_time_that_it_asks_for() -> None:
    outcome = drive("POST", fail(429, retry_after="7"), OK)
    assert outcome.attempts == 2
    assert outcome.clock.slept == [7.125]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("asked", ["59", "3600", "999999999"])
def test_an_answer_is_returned_at_once_when_the_wait_would_pass_the_deadline(
    method: str, asked: str
) -> None:
    outcome = drive(method, fail(429, retry_after=asked), deadline=60)
    assert outcome.response is not None
    assert (outcome.response.status, outcome.attempts, outcome.clock.slept) == (429, 1, [])


def test_429_for_ever_ends_at_the_deadline_with_the_429() -> None:
    outcome = drive("GET", *[fail(429, retry_after="20")] * 4, deadline=50)
    assert outcome.response is not None
    assert (outcome.response.status, outcome.attempts) == (429, 3)
    assert outcome.clock.seconds < 50


def test_a_cancelled_wait_ends_at_once() -> None:
    async def main() -> None:
        asleep, attempts = asyncio.Event(), []

        async def sleep(_: float) -> None:
            asleep.set()
            await asyncio.Event().wait()

        async def once() -> Response:
            attempts.append(1)
            return Response(429, {}, b"")

        task = asyncio.create_task(send(once, "POST", 60, pace=Pace(sleep=sleep, now=lambda: 0.0)))
        await asleep.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(attempts) == 1

    asyncio.run(main())


def test_other_errors_pass_through_at_once() -> None:
    clock = Clock()

    async def once() -> Response:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(send(once, "GET", 60, pace=clock.pace()))
    assert clock.slept == []


DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "9" * 30}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 99 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": DATE, "date": "Wed, 21 Oct 2026 07:27:20 GMT"}, 40),
        ({"retry-after": DATE, "date": "Wed, 21 Oct 2026 07:29:00 GMT"}, 0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 -0000", "date": DATE}, 0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT", "date": "today"}, 0),
    ],
)
def test_retry_after_is_read_as_seconds_and_as_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert read_retry_after(Response(429, headers, b"")) == seconds


# What the error says


def fail_with(method: str, *outcomes: HttpError | int) -> HttpError:
    """Send a request whose attempts end like this, and return the error."""
    left = iter(outcomes)

    async def once() -> Response:
        outcome = next(left)
        if isinstance(outcome, int):
            return Response(outcome, {}, b"")
        raise outcome

    with pytest.raises(HttpError) as caught:
        asyncio.run(send(once, method, 60, pace=Clock().pace()))
    return caught.value


def refused() -> HttpError:
    return HttpError("cannot connect; this attempt sent nothing", kind="connection", arrived=False)


def lost() -> HttpError:
    return HttpError("broke off", kind="broken")


def test_an_error_of_every_attempt_says_that_nothing_arrived() -> None:
    error = fail_with("POST", *[refused() for _ in range(4)])
    assert not error.arrived
    assert str(error) == "cannot connect; this attempt sent nothing (4 attempts)"


def test_an_earlier_attempt_that_may_have_arrived_is_not_forgotten() -> None:
    error = fail_with("DELETE", lost(), refused(), refused(), refused())
    assert error.arrived
    assert "an earlier one was sent and got no answer: a write may have taken effect" in str(error)


def test_the_answers_before_an_error_are_named() -> None:
    error = fail_with("POST", 503, 429, lost())
    assert error.arrived
    assert str(error) == "broke off (3 attempts; answered: 503, 429)"


# Against the simulated API in another process


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with running(zones=3) as url:
        yield url


def ask(
    simulator: str, method: str, path: str, body: object = None
) -> tuple[Response | HttpError, int, Clock, list[int]]:
    """Send one request with retries; also give the statuses that the server recorded for it."""

    async def main() -> tuple[Response | HttpError, int, Clock, list[int]]:
        clock = Clock()
        headers = {"authorization": "Bearer simulated-token", "content-type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        async with Http(response_bytes=100_000, wall_seconds=20) as http:
            await http.send("DELETE", simulator + "/simulator/requests")
            answer: Response | HttpError
            try:
                answer, attempts = await send(
                    lambda: http.send(method, simulator + path, headers=headers, content=content),
                    method,
                    60,
                    pace=clock.pace(),
                )
            except HttpError as error:
                answer, attempts = error, 0
            record = await http.send("GET", simulator + "/simulator/requests")
        return (
            answer,
            attempts,
            clock,
            [seen["status"] for seen in json.loads(record.body)["result"]],
        )

    return asyncio.run(main())


def test_a_rate_limit_is_waited_out_and_the_zone_created_once(simulator: str) -> None:
    ask(simulator, "PUT", "/simulator/rate-limit", {"requests": 1, "refusals": 2})
    ask(simulator, "GET", "/zones")
    answer, attempts, clock, statuses = ask(simulator, "POST", "/zones", {"name": "retried.test"})
    ask(simulator, "PUT", "/simulator/rate-limit", {"requests": 0})
    assert isinstance(answer, Response)
    assert (attempts, statuses) == (3, [429, 429, 200])
    assert clock.slept == [1.125, 1.25]
    answer, _, _, _ = ask(simulator, "GET", "/zones?name=retried.test")
    assert isinstance(answer, Response)
    assert json.loads(answer.body)["result_info"]["total_count"] == 1


@pytest.mark.parametrize(
    ("method", "path", "times"),
    [
        ("POST", "/simulator/status/500", 1),
        ("PATCH", "/simulator/status/502", 1),
        ("POST", "/simulator/status/503", 4),
        ("PUT", "/simulator/status/500", 4),
        ("GET", "/simulator/reset", 4),
    ],
)
def test_the_server_sees_as_many_attempts_as_are_safe(
    simulator: str, method: str, path: str, times: int
) -> None:
    assert len(ask(simulator, method, path)[3]) == times


async def drop(writer: asyncio.StreamWriter) -> None:
    """Reset the connection as soon as the request has come."""
    writer.transport.abort()


@pytest.mark.parametrize("method", NOT_IDEMPOTENT)
def test_a_reset_after_a_write_has_come_leaves_it_at_one(method: str) -> None:
    async def use(server: Loopback, http: Http) -> None:
        clock = Clock()
        with pytest.raises(HttpError, match="whether the request took effect is not known"):
            await send(
                lambda: http.send(method, server.url, content=b"{}"),
                method,
                60,
                pace=clock.pace(),
            )
        assert len(server.received) == 1

    async def main() -> None:
        async with (
            loopback.running(drop) as server,
            Http(response_bytes=1000, wall_seconds=20) as http,
        ):
            await use(server, http)

    asyncio.run(main())
