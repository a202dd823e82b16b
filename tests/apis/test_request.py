"""The guest's namespace and the host together, against the simulated API over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from run_of_one import run_api

from guest.namespaces import make
from pymode import simulator
from pymode.http.client import Http
from pymode.limits import Limits

TOKEN = "simulated-requests-token"

Request = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with simulator.running() as url:
        yield url


@pytest.fixture
def run(base_url: str) -> Callable[[Callable[[Request], Awaitable[Any]]], Any]:
    """Run an async function with `request` as the code in the guest has it."""

    def run(use: Callable[[Request], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            async with Http(response_bytes=4 * 1024 * 1024, wall_seconds=20) as http:
                host = run_api("cloudflare", base_url, SecretStr(TOKEN), http, Limits())

                async def call(target: str, payload: str) -> str:
                    return await host.request(payload)

                return await use(make("cloudflare", call)[0].request)

        return asyncio.run(main())

    return run


@pytest.fixture
def send(run: Any) -> Callable[..., dict[str, Any]]:
    """Send one request as the code in the guest does."""

    def send(*args: Any, **keywords: Any) -> dict[str, Any]:
        return run(lambda request: request(*args, **keywords))

    return send


def test_zones_are_listed_in_their_envelope(send: Any) -> None:
    answer = send("GET", "/zones", {"per_page": 5})
    assert answer["success"] is True
    assert answer["status"] == 200
    assert len(answer["result"]) == 5
    assert answer["result_info"]["per_page"] == 5


def test_what_was_sent_comes_back_in_an_echo_without_the_token(send: Any) -> None:
    query = {"on": True, "off": None, "many": ["a", "b c"], "sign": "ü&="}
    result = send("POST", "/simulator/echo", query, {"a": "ü"}, {"X-One": "1"})["result"]
    assert result["method"] == "POST"
    pairs = [["on", "true"], ["many", "a"], ["many", "b c"], ["sign", "ü&="]]
    assert result["query"] == pairs
    assert result["body"] == '{"a":"ü"}'
    assert result["headers"]["x-one"] == "1"
    assert result["headers"]["content-type"] == "application/json"
    assert result["headers"]["authorization"] == "Bearer [token]"


def test_files_arrive_as_multipart(send: Any) -> None:
    files = {"a.js": ("a.js", "export default {}", "application/javascript+module")}
    options = {"body": {"metadata": {"main_module": "a.js"}}, "files": files}
    result = send("PUT", "/simulator/echo", **options)["result"]
    assert result["headers"]["content-type"].startswith("multipart/form-data; boundary=")
    assert '{"main_module":"a.js"}' in result["body"]
    assert 'filename="a.js"\r\nContent-Type: application/javascript+module' in result["body"]


@pytest.mark.parametrize(
    ("path", "kind"), [("binary", bytes), ("text", str), ("no-content", type(None))]
)
def test_answers_that_are_no_json_have_their_type(send: Any, path: str, kind: type) -> None:
    assert type(send("GET", f"/simulator/{path}")["result"]) is kind


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (
            "/simulator/status/503",
            r"503 GET /simulator/status/503: 503 Simulated error 503 \(retry",
        ),
        (
            "/simulator/redirect?to=https://evil.test/",
            "redirect to https://evil.test/, which is not",
        ),
        ("/simulator/truncated-json", "does not parse"),
        ("/simulator/deep-json", "nested too deep"),
        ("/simulator/gzip-bomb", "once decompressed"),
        ("/simulator/large?bytes=99000000", "larger than 4,194,304 bytes"),
        ("/simulator/reset", "broke off"),
        ("/../../simulator/echo", r"'\.\.' segment"),
        ("//evil.test/", "'//' in it"),
        ("/zones/{zone_id}", "put a value there"),
    ],
)
def test_a_failure_is_an_error_that_says_what_happened(send: Any, path: str, reason: str) -> None:
    with pytest.raises(Exception, match=reason) as caught:
        send("GET", path)
    assert type(caught.value).__name__ == "CloudflareError"


def test_requests_in_gather_run_at_once(run: Any, send: Any) -> None:
    send("DELETE", "/simulator/requests")

    async def use(request: Request) -> None:
        paths = ["/simulator/slow?seconds=0.5"] * 10
        await asyncio.gather(*(request("GET", path) for path in paths))

    run(use)
    assert send("GET", "/simulator/in-flight")["result"]["maximum"] == 10
