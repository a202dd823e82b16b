"""Requests that are sent again, lists in pages, and what an error says was sent."""

from __future__ import annotations

import asyncio
import json

import loopback
import pytest
from simulated_api import API, Open

from pymode.errors import CodeRaised, CodeRejected, LimitExceeded, ResultRejected
from pymode.limits import Limits

pytestmark = pytest.mark.anyio

OK = loopback.write_answer(b'{"success":true,"result":1}', headers={"content-type": "text/json"})
CATCH = """
try:
    return (await cloudflare.request({arguments}))["result"]
except CloudflareError as error:
    return [error.status, str(error)]
"""
POST_THEN = """
await cloudflare.request("GET", "/zones")
await cloudflare.request("POST", "/simulator/echo/made")
{rest}
"""
ANSWERED = "Writes sent and answered: POST /simulator/echo/made 200. Reads: 1 got 200."


# Again


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
async def test_a_429_is_waited_for_whatever_the_method(
    open_code_mode: Open, api: API, method: str
) -> None:
    """The server says that it took no part in it; the code sees the answer after that."""
    zone = "(await cloudflare.request('GET', '/zones'))['result'][0]['id']"
    async with open_code_mode() as code_mode:
        path = f"/zones/{(await code_mode.execute(f'return {zone}')).value}"
        arguments = {
            "GET": f"'GET', '{path}'",
            "POST": f"'POST', '{path}/purge_cache', body={{'purge_everything': True}}",
            "PATCH": f"'PATCH', '{path}', body={{'paused': False}}",
        }[method]
        api.clear()
        # The first request passes, the one after it is refused once.
        api.limit_rate(1)
        code = f"await cloudflare.request('GET', '/user')\n{CATCH.format(arguments=arguments)}"
        result = await code_mode.execute(code)
    assert result.value["id"] in path
    assert [request.status for request in result.requests] == [200, 429, 200]
    assert len(api.requests) == 3


async def test_a_wait_beyond_the_deadline_is_not_begun(open_code_mode: Open) -> None:
    headers = {"retry-after": "3600"}
    async with loopback.running(loopback.write_answer(status=429, headers=headers)) as server:
        async with open_code_mode(base_url=server.url) as code_mode:
            code = CATCH.format(arguments="'GET', '/zones'")
            status, message = (await code_mode.execute(code)).value
        assert status == 429
        assert "retry after 3600 s" in message
        assert len(server.received) == 1


class Failing:
    """Breaks the first connections off after the request has come, then answers.

    Args:
        failures: how many.
    """

    def __init__(self, failures: int) -> None:
        self.failures = failures

    async def __call__(self, writer: asyncio.StreamWriter) -> None:
        self.failures -= 1
        if self.failures < 0:
            writer.write(OK)
        else:
            writer.transport.abort()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_lost_answer_of_what_may_be_done_twice_is_asked_for_again(
    open_code_mode: Open, method: str
) -> None:
    async with loopback.running(Failing(1)) as server:
        async with open_code_mode(base_url=server.url) as code_mode:
            result = await code_mode.execute(CATCH.format(arguments=f"'{method}', '/x'"))
        assert result.value == 1
        assert [request.status for request in result.requests] == [None, 200]
        assert len(server.received) == 2


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_post_that_may_have_arrived_is_never_sent_twice(
    open_code_mode: Open, method: str
) -> None:
    async with loopback.running(Failing(1)) as server:
        async with open_code_mode(base_url=server.url) as code_mode:
            with pytest.raises(CodeRaised) as caught:
                await code_mode.execute(f"await cloudflare.request('{method}', '/x', body={{}})")
        assert [one.method for one in server.received] == [method]
    assert "whether the request took effect is not known" in str(caught.value)
    assert f"Sent without an answer, may have taken effect: {method} /x." in str(caught.value)


@pytest.mark.parametrize("status", [500, 502])
async def test_a_post_that_the_server_failed_at_is_never_sent_twice(
    open_code_mode: Open, api: API, status: int
) -> None:
    async with open_code_mode() as code_mode:
        code = CATCH.format(arguments=f"'POST', '/simulator/status/{status}'")
        got, _ = (await code_mode.execute(code)).value
    assert got == status
    assert len(api.requests) == 1


async def test_a_graphql_mutation_in_a_get_is_never_sent_twice(open_code_mode: Open) -> None:
    async with loopback.running(Failing(1)) as server:
        async with open_code_mode(base_url=server.url) as code_mode:
            arguments = "'GET', '/graphql', query={'query': 'mutation { remove }'}"
            result = await code_mode.execute(CATCH.format(arguments=arguments))
        assert len(server.received) == 1
    assert result.requests[0].write is True


async def test_without_a_connection_the_error_says_that_nothing_was_sent(
    open_code_mode: Open,
) -> None:
    async with open_code_mode(base_url="http://127.0.0.1:1") as code_mode:
        result = await code_mode.execute(CATCH.format(arguments="'POST', '/zones', body={}"))
    status, message = result.value
    assert status is None
    assert "this attempt sent nothing (4 attempts)" in message
    assert result.requests == ()


# Pages


@pytest.mark.parametrize(
    ("arguments", "items", "requests"),
    [
        ("'/zones', {'per_page': 5}", 6, 2),
        ("'/zones?per_page=5', limit=5", 5, 1),
        ("'/zones', limit=0", 0, 0),
        ("path='/zones', query={'name': 'no-such.example'}", 0, 1),
        ("'/client/v4/zones'", 6, 1),
    ],
)
async def test_pages_walks_through_numbered_pages(
    open_code_mode: Open, api: API, arguments: str, items: int, requests: int
) -> None:
    code = f"return [zone['id'] async for zone in cloudflare.pages({arguments})]"
    async with open_code_mode() as code_mode:
        value = (await code_mode.execute(code)).value
    assert len(set(value)) == len(value) == items
    assert len(api.requests) == requests


async def test_pages_follows_cursors(open_code_mode: Open, api: API) -> None:
    code = """
base = f"/accounts/{account_id}/storage/kv/namespaces"
namespace = (await cloudflare.request("POST", base, body={"title": "cursors"}))["result"]["id"]
pairs = [{"key": f"k{number:04}", "value": "v"} for number in range(25)]
await cloudflare.request("PUT", f"{base}/{namespace}/bulk", body=pairs)
keys = cloudflare.pages(f"{base}/{namespace}/keys", query={"limit": 10})
return [key["name"] async for key in keys]
"""
    async with open_code_mode() as code_mode:
        value = (await code_mode.execute(code)).value
    assert value == [f"k{number:04}" for number in range(25)]
    asked = [path.partition("?")[2] for _, path in api.requests if "/keys?" in path]
    assert ["cursor=" in query for query in asked] == [False, True, True]


async def test_pages_follows_links_within_the_api(open_code_mode: Open) -> None:
    """As those of GitHub; the items are a plain list."""
    async with loopback.running() as server:

        async def answer(writer: asyncio.StreamWriter) -> None:
            number = len(server.received)
            headers = {"content-type": "application/json"}
            if number < 3:
                headers["link"] = f'<{server.url}/items?page={number + 1}>; rel="next"'
            writer.write(loopback.write_answer(json.dumps([number]).encode(), headers=headers))

        server.answer = answer
        async with open_code_mode(base_url=server.url) as code_mode:
            code = "return [item async for item in cloudflare.pages('/items')]"
            assert (await code_mode.execute(code)).value == [1, 2, 3]
        targets = [one.target for one in server.received]
    assert targets == ["/items", "/items?page=2", "/items?page=3"]


async def test_a_page_that_fails_says_how_far_it_came(open_code_mode: Open, api: API) -> None:
    code = "return [zone async for zone in cloudflare.pages('/zones', {'per_page': 'many'})]"
    async with open_code_mode() as code_mode:
        with pytest.raises(CodeRaised, match=r"400 GET /zones: 6008 .*per_page") as caught:
            await code_mode.execute(code)
    # It was the only request, so nothing is left to say of what was sent.
    assert "No write was sent" not in str(caught.value)


# What was sent


@pytest.mark.parametrize(
    "rest",
    [
        "raise ValueError('after the write')",
        "return object()",
        "import asyncio\nawait asyncio.sleep(0)\nreturn {'a': 1}['b']",
    ],
)
async def test_an_error_of_the_code_says_what_was_sent(
    open_code_mode: Open, api: API, rest: str
) -> None:
    async with open_code_mode() as code_mode:
        with pytest.raises((CodeRaised, ResultRejected)) as caught:
            await code_mode.execute(POST_THEN.format(rest=rest))
    assert str(caught.value).splitlines()[-1] == ANSWERED


@pytest.mark.parametrize(
    ("rest", "limit"),
    [
        ("while True:\n    pass\nreturn 1", "fuel"),
        ("return len(bytearray(10**9))", "memory_bytes"),
        ("return 'x' * 5_000", "result_bytes"),
        ("print('x' * 5_000)\nreturn 1", "printed_chars"),
        ("import asyncio\nawait asyncio.sleep(60)\nreturn 1", "wall_seconds"),
        ("await cloudflare.request('GET', '/zones')\nreturn 1", "host_calls"),
    ],
)
async def test_a_limit_says_what_was_sent(
    open_code_mode: Open, api: API, rest: str, limit: str
) -> None:
    limits = Limits(
        fuel=10**9, result_bytes=4_000, printed_chars=4_000, wall_seconds=3, host_calls=2
    )
    async with open_code_mode(limits=limits) as code_mode:
        with pytest.raises(LimitExceeded) as caught:
            await code_mode.execute(POST_THEN.format(rest=rest))
    assert caught.value.limit == limit
    assert str(caught.value).splitlines()[-1] == ANSWERED


async def test_a_call_that_ends_before_its_writes_says_so(open_code_mode: Open, api: API) -> None:
    """Its own deadline comes in the middle of two of them."""
    code = """
import asyncio
slow = {"seconds": 60}
await asyncio.gather(
    cloudflare.request("POST", "/simulator/slow", query=slow),
    cloudflare.request("PUT", "/simulator/slow", query=slow),
    cloudflare.request("DELETE", "/simulator/echo/gone"),
    cloudflare.request("GET", "/simulator/slow", query=slow),
)
return 1
"""
    async with open_code_mode(limits=Limits(wall_seconds=1.5)) as code_mode:
        with pytest.raises(LimitExceeded) as caught:
            await code_mode.execute(code)
    said = str(caught.value).splitlines()[-1]
    unknown, answered, reads = said.split(". ")
    assert unknown.startswith("Sent without an answer, may have taken effect: ")
    assert {*unknown.partition(": ")[2].split("; ")} == {
        "POST /simulator/slow",
        "PUT /simulator/slow",
    }
    assert answered == "Writes sent and answered: DELETE /simulator/echo/gone 200"
    assert reads == "Reads: 1 without an answer."


async def test_a_cancelled_call_says_what_was_sent(open_code_mode: Open) -> None:
    """In a note of the cancellation, for whoever cancelled is no reader of errors."""
    async with loopback.running() as server:
        arrived, ended = asyncio.Event(), asyncio.Event()

        async def answer(_: asyncio.StreamWriter) -> None:
            arrived.set()
            await ended.wait()

        server.answer = answer
        async with open_code_mode(base_url=server.url) as code_mode:
            await code_mode.prepare()
            call = asyncio.create_task(
                code_mode.execute("await cloudflare.request('POST', '/x')\nreturn 1")
            )
            await arrived.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await call
            ended.set()
    assert caught.value.__notes__ == [
        "Sent without an answer, may have taken effect: POST /x.",
    ]
    assert len(server.received) == 1


async def test_code_that_is_rejected_sent_nothing_and_says_nothing_of_it(
    open_code_mode: Open, api: API
) -> None:
    async with open_code_mode() as code_mode:
        with pytest.raises(CodeRejected) as caught:
            await code_mode.execute(POST_THEN.format(rest="import subprocess"))
    assert "sent" not in str(caught.value)
    assert api.requests == []
