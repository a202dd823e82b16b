"""The library: what a program gets from `CodeMode`, and what it is told."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import loopback
import psutil
import pytest
from loopback import Loopback, write_answer
from pydantic import SecretStr
from small_document import SMALL

import pymode
from pymode import CodeMode, Limits, Result, Timings
from pymode.errors import CodeRaised, CodeRejected, ConfigError, LimitExceeded, SandboxError
from pymode.simulator import running

pytestmark = pytest.mark.anyio

PATHS = "async def main():\n    return len(spec['paths'])"


@pytest.fixture(scope="module")
def api_url() -> Iterator[str]:
    with running() as url:
        yield url


def test_the_public_names_are_these() -> None:
    """Whoever adds one, or takes one away, says so here."""
    assert pymode.__all__ == [
        *("ApiKey", "Basic", "Bearer", "CodeMode", "Limits", "OpenAPI", "Result", "Rules"),
        *("Timings", "only_reads"),
    ]
    assert set(pymode.__all__) <= set(dir(pymode))
    assert [getattr(pymode, name).__name__ for name in pymode.__all__] == pymode.__all__
    with pytest.raises(AttributeError, match="no attribute 'Sandbox'"):
        pymode.Sandbox  # noqa: B018 - the look-up is the test


def test_importing_the_package_imports_neither_the_server_nor_the_sandbox() -> None:
    """Each worker imports the package, and must not pay for the rest."""
    code = (
        "import sys, pymode, pymode.limits\n"
        "heavy = {'mcp', 'wasmtime', 'httpx', 'pydantic', 'typer', 'rich', 'asyncio'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == "[]\n"


async def test_a_result_says_what_came_of_the_call(code_mode: CodeMode) -> None:
    code = "print('one')\nprint('two')\nreturn {'paths': len(spec['paths']), 'x': float('nan')}"
    result = await code_mode.search(code)
    assert isinstance(result, Result)
    assert result.value["paths"] > 100
    assert result.value["x"] is None
    assert result.logs == "one\ntwo\n"
    assert result.notes == ("NaN and Infinity are not JSON and became null: at $.x",)
    assert 0 < result.fuel < Limits().fuel
    assert result.requests == ()
    assert isinstance(result.timings, Timings)
    assert 0 <= result.timings.waited_seconds <= result.timings.total_seconds
    assert 0 < result.timings.run_seconds <= result.timings.total_seconds


async def test_more_work_takes_more_fuel(code_mode: CodeMode) -> None:
    costs = [(await code_mode.search(f"return sum(range({count}))")).fuel for count in (1, 100_000)]
    assert costs[1] > 2 * costs[0]


async def test_a_result_says_which_requests_were_sent(api_url: str) -> None:
    async with CodeMode(base_url=api_url, token="simulated-token", workers=1) as code_mode:
        result = await code_mode.execute(
            "return (await cloudflare.request('GET', '/zones', {'per_page': 5}))['status']"
        )
    assert result.value == 200
    sent = result.requests[0]
    assert (sent.method, sent.path, sent.status) == ("GET", "/zones", 200)
    assert sent.seconds > 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fuel", 0),
        ("fuel", -1),
        ("fuel", 1.5),
        ("fuel", True),
        ("fuel", "many"),
        ("memory_bytes", 0),
        ("wall_seconds", 0),
        ("wall_seconds", -1.0),
        ("wall_seconds", float("nan")),
        ("wall_seconds", None),
        ("host_calls", 0),
        ("waiting_callers", -1),
    ],
)
def test_a_limit_that_is_no_positive_number_is_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"limit {name} must be a positive number, not "):
        Limits(**{name: value})


def test_limits_are_frozen_values() -> None:
    """Two with the same numbers are equal, and nobody changes one under way."""
    assert Limits(wall_seconds=5) == Limits(wall_seconds=5)
    assert Limits(waiting_callers=0).waiting_callers == 0
    with pytest.raises(AttributeError):
        Limits().fuel = 1  # type: ignore[misc]


async def test_code_that_is_too_long_or_no_text_never_reaches_the_sandbox(
    code_mode: CodeMode,
) -> None:
    with pytest.raises(LimitExceeded, match="at most 65,536 are taken") as caught:
        await code_mode.search("# ä" + "€" * 30_000)
    assert caught.value.limit == "source_bytes"
    with pytest.raises(CodeRejected, match="not valid UTF-8"):
        await code_mode.search("return '\ud800'")


async def test_searches_at_once_each_get_their_own_answer(code_mode: CodeMode) -> None:
    """More callers than workers: they wait, and no answer goes to another."""
    calls = [code_mode.search(f"print({i})\nreturn {i}") for i in range(24)]
    results = await asyncio.gather(*calls)
    assert [result.value for result in results] == list(range(24))
    assert [result.logs for result in results] == [f"{i}\n" for i in range(24)]


async def test_a_failing_call_leaves_the_others_alone(code_mode: CodeMode) -> None:
    codes = ["return 1", "return 1 / 0", "return eval('1')", "return 4"] * 3
    results = await asyncio.gather(*map(code_mode.search, codes), return_exceptions=True)
    kinds = [type(result).__name__ for result in results]
    assert kinds == ["Result", "CodeRaised", "CodeRejected", "Result"] * 3


async def test_leaving_the_context_ends_the_workers() -> None:
    async with CodeMode(workers=2) as code_mode:
        await asyncio.gather(*(code_mode.search(PATHS) for _ in range(4)))
        assert code_mode.pool is not None
        pids = code_mode.pool.pids
        assert pids
        assert all(psutil.pid_exists(pid) for pid in pids)
    assert not any(psutil.pid_exists(pid) for pid in pids)
    with pytest.raises(SandboxError, match="closed"):
        await code_mode.search(PATHS)


async def test_leaving_the_context_without_a_call_starts_nothing() -> None:
    async with CodeMode("cloudflare") as code_mode:
        assert code_mode.pool is None
        assert code_mode.image is None


async def test_prepare_reports_progress_and_does_nothing_twice(code_mode: CodeMode) -> None:
    """`prepare` of one that is prepared neither reads a spec nor opens an image."""
    said: list[str] = []
    await code_mode.prepare(lambda _fraction, sentence: said.append(sentence))
    assert said == []
    assert code_mode.name == "cloudflare"
    assert code_mode.image is not None
    assert code_mode.image.operations >= 150


async def test_calls_before_prepare_prepare_once() -> None:
    async with CodeMode(workers=1) as code_mode:
        results = await asyncio.gather(*(code_mode.search(PATHS) for _ in range(3)))
        assert len({result.value for result in results}) == 1
        assert code_mode.pool is not None
        assert len(code_mode.pool.pids) == 1


async def test_the_token_of_a_call_takes_the_place_of_the_other(api_url: str) -> None:
    code = "return (await cloudflare.request('GET', '/accounts'))['result_info']['total_count']"
    async with CodeMode(base_url=api_url, token="simulated-one", workers=1) as code_mode:
        assert (await code_mode.execute(code)).value == 1
        two = await code_mode.execute(code, token="simulated-two-accounts")
        assert two.value == 2
        secret = await code_mode.execute(code, token=SecretStr("simulated-two-accounts"))
        assert secret.value == 2
        assert (await code_mode.execute(code)).value == 1


def test_the_token_is_in_no_representation() -> None:
    code_mode = CodeMode(token="simulated-secret")
    assert "simulated-secret" not in repr(code_mode)
    assert "simulated-secret" not in repr(vars(code_mode))


async def test_another_document_is_used_under_its_own_name() -> None:
    """A small API as a mapping, called github: `github.request`, `GithubError`."""
    items = write_answer(b'[{"id": 1}]', headers={"content-type": "application/json"})

    async def use(server: Loopback) -> None:
        options = {"name": "github", "base_url": server.url + "/v3", "token": "own-token"}
        async with CodeMode(SMALL, workers=1, **options) as code_mode:
            searched = await code_mode.search("return sorted(spec['paths'])")
            assert searched.value == ["/items", "/items/{item_id}"]
            assert code_mode.name == "github"
            code = "return await github.request('GET', '/items', {'page': 2})"
            answer = (await code_mode.execute(code)).value
            assert (answer["status"], answer["result"]) == (200, [{"id": 1}])
            received = server.received[-1]
            assert received.target == "/v3/items?page=2"
            assert received.headers["authorization"] == "Bearer own-token"
            server.answer = write_answer(b'{"message": "Bad"}', status=422)
            code = """
try:
    await github.request("POST", "/items", body={})
except GithubError as error:
    return [error.status, error.errors[0]["message"]]
"""
            assert (await code_mode.execute(code)).value == [422, "Bad"]
            with pytest.raises(CodeRaised, match="name 'cloudflare' is not defined"):
                await code_mode.execute("return await cloudflare.request('GET', '/items')")
            with pytest.raises(CodeRaised, match=r"github\.request is there in execute only"):
                await code_mode.search("return await github.request('GET', '/items')")

    async with loopback.running(items) as server:
        await use(server)


async def test_a_recursive_schema_closes_with_a_reference() -> None:
    """A schema that is used twice is written twice; only one inside itself becomes a `$ref`."""
    code = """
answer = spec["paths"]["/items"]["get"]["responses"]["200"]["content"]["application/json"]
item = answer["schema"]["items"]
assert item["properties"]["children"]["items"] is item
return [item, item["properties"]["size"], item["properties"]["weight"]]
"""
    async with CodeMode(SMALL, workers=1) as code_mode:
        item, size, weight = (await code_mode.search(code)).value
    assert item["properties"]["children"]["items"] == {"$ref": "#/components/schemas/Item"}
    assert size == weight == {"type": "number", "minimum": 0}


async def test_a_document_without_a_server_needs_a_base_url() -> None:
    async with CodeMode(SMALL, workers=1) as code_mode:
        with pytest.raises(ConfigError, match="names no server; say where the API is") as caught:
            await code_mode.execute("return 1")
        assert "base_url=" in str(caught.value)
        assert (await code_mode.search("return 1")).value == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_url": "http://api.example.com"}, "unencrypted"),
        ({"base_url": "ftp://api.example.com"}, "cannot be used"),
        ({"base_url": "http://127.0.0.1:1", "name": "Not A Name"}, "free Python name"),
        ({"base_url": "http://127.0.0.1:1", "token": "two words"}, "no token has"),
    ],
)
def test_an_option_that_cannot_be_used_is_an_error_of_the_operator(
    options: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        CodeMode(SMALL, workers=1, **options)
