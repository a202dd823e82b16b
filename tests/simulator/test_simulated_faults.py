"""Rate limits, the record of requests, and broken answers."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from simulator_client import BASE, Api

from pymode.simulator import State


def test_the_rate_limit_refuses_at_the_same_places_each_time() -> None:
    api = Api(State.seeded(rate_limit=3, rate_limit_refusals=2))
    responses = [api.send("GET", "/user") for _ in range(8)]
    assert [one.status_code for one in responses] == [200, 200, 200, 429, 429, 200, 200, 200]
    assert responses[3].headers["retry-after"] == "1"
    assert responses[3].json()["errors"][0]["code"] == 971


def test_the_rate_limit_is_set_while_running(api: Api) -> None:
    api.result("PUT", "/simulator/rate-limit", json={"requests": 1})
    assert [api.send("GET", "/user").status_code for _ in range(4)] == [200, 429, 200, 429]


def test_requests_are_recorded_without_their_token(api: Api) -> None:
    api.send("GET", "/zones", params={"name": "x"})
    api.refusal("DELETE", f"{api.zone()}/dns_records/x%2Fy")
    record = api.send("GET", "/simulator/requests")
    assert record.json()["result"] == [
        {"method": "GET", "path": "/client/v4/zones", "query": "name=x", "status": 200},
        {
            "method": "DELETE",
            "path": f"/client/v4{api.zone()}/dns_records/x%2Fy",
            "query": "",
            "status": 404,
        },
    ]
    assert "simulated-test" not in record.text
    api.result("DELETE", "/simulator/requests")
    assert api.result("GET", "/simulator/requests") == []


def test_the_most_requests_in_flight_are_counted() -> None:
    api = Api(State.seeded(latency_seconds=0.01))

    async def send_at_once() -> None:
        async with api.client() as client:
            await asyncio.gather(*(client.get(f"{BASE}/user") for _ in range(7)))

    asyncio.run(send_at_once())
    assert api.result("GET", "/simulator/in-flight") == {"current": 0, "maximum": 7}


def test_echo_answers_what_was_sent(api: Api) -> None:
    sent = api.result(
        "POST", "/simulator/echo/a%2Fb", params=[("k", "1"), ("k", "2")], content=b"x"
    )
    assert sent["path"] == "/client/v4/simulator/echo/a%2Fb"
    assert sent["query"] == [["k", "1"], ["k", "2"]]
    assert (sent["method"], sent["body"], sent["body_bytes"]) == ("POST", "x", 1)
    assert sent["headers"]["authorization"] == "Bearer simulated-test"


def test_faults_answer_as_their_names_say(api: Api) -> None:
    def get(path: str) -> httpx.Response:
        return api.send("GET", f"/simulator/{path}")

    assert get("status/503").headers["retry-after"] == "1"
    assert api.refusal("GET", "/simulator/status/500") == (500, 500)
    assert api.refusal("GET", "/simulator/status/" + "9" * 5000)[0] == 400
    assert get("status/201").status_code == 201
    assert get("redirect?to=http://other.example/").headers["location"] == "http://other.example/"
    assert get("no-content").content == b""
    assert get("binary").content.startswith(b"\x89PNG")
    assert get("text").text.startswith("plain text")
    assert len(get("large?bytes=100000").json()["result"]) == 100_000
    assert get("deep-json?depth=5").json()["result"] == [[[[[]]]]]
    assert get("slow?seconds=0").json()["success"] is True
    assert get("drip?bytes=2").content == b"  "
    for path in ("truncated-json", "invalid-utf8"):
        body = get(path).content
        with pytest.raises(ValueError, match=r"Unterminated|invalid"):
            json.loads(body)


def test_the_gzip_bomb_is_small_until_it_is_opened(api: Api) -> None:
    response = api.send("GET", "/simulator/gzip-bomb", params={"mebibytes": 3})
    assert int(response.headers["content-length"]) < 5000
    assert response.content == bytes(3 * 1024 * 1024)
