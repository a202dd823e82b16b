"""How an API is told who calls: what is sent, and that no secret is ever shown."""

from __future__ import annotations

import json
import traceback
from typing import Any

import loopback
import pytest
from pydantic import SecretStr
from run_of_one import run_api

from pymode import ApiKey, Basic, Bearer, CodeMode, OpenAPI
from pymode.apis.auth import Credential
from pymode.apis.identity import hide, identify
from pymode.errors import ConfigError
from pymode.http.client import Http
from pymode.limits import Limits

pytestmark = pytest.mark.anyio

SECRET = "a-secret-of-some-length"


async def fresh() -> str:
    return SECRET


def fresh_now() -> SecretStr:
    return SecretStr(SECRET)


@pytest.mark.parametrize("secret", [SECRET, f" {SECRET}\n", SecretStr(SECRET), fresh, fresh_now])
async def test_a_token_may_be_text_or_a_function(secret: Any) -> None:
    made = await Bearer(secret).make()
    assert made.headers == {"authorization": f"Bearer {SECRET}"}
    assert [each.get_secret_value() for each in made.secrets] == [SECRET]


async def test_a_key_goes_where_the_api_wants_it() -> None:
    assert (await ApiKey("X-Key", SECRET).make()).headers == {"x-key": SECRET}
    in_query = await ApiKey("key", SECRET, where="query").make()
    assert (in_query.headers, in_query.query) == ({}, (("key", SECRET),))


async def test_user_and_password_are_encoded_and_both_forms_are_secret() -> None:
    made = await Basic("me", SECRET).make()
    assert made.headers["authorization"].startswith("Basic bWU6")
    assert len(made.secrets) == 2


@pytest.mark.parametrize(
    "auth",
    [Bearer(SECRET), ApiKey("X-Key", SECRET), Basic("me", SECRET), Credential({"a": SECRET})],
)
def test_no_repr_shows_a_secret(auth: Any) -> None:
    assert SECRET not in repr(auth)
    assert SECRET not in repr(OpenAPI("cloudflare", auth=Bearer(SECRET)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Bearer(f"{SECRET} and more"),
        lambda: ApiKey("a name", SECRET),
        lambda: ApiKey("key", SECRET, where="cookie"),  # type: ignore[arg-type]
        lambda: Basic("a:b", SECRET),
        lambda: OpenAPI("cloudflare", token=SECRET, auth=Bearer(SECRET)),
        lambda: OpenAPI("cloudflare", token=f"{SECRET} x"),
        lambda: OpenAPI("cloudflare", name="No name", token=SECRET),
        lambda: CodeMode("cloudflare", "cloudflare", token=SECRET),
        lambda: CodeMode(OpenAPI("cloudflare"), token=SECRET),
    ],
)
def test_what_cannot_be_used_is_refused_without_showing_it(make: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert SECRET not in str(caught.value)
    inside = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    own = [frame.locals for frame in inside.stack if "tests" not in frame.filename]
    assert SECRET not in str(own)


async def test_a_function_that_returns_no_text_is_told() -> None:
    with pytest.raises(ConfigError, match="must return a string, not int"):
        await Bearer(lambda: 3).make()  # type: ignore[arg-type,return-value]


APIS = (OpenAPI("cloudflare", name="one", token=SECRET), OpenAPI("cloudflare", name="two"))


def test_tokens_of_a_call_are_by_the_names_of_the_apis() -> None:
    own = identify(APIS, None)
    assert own.secret is not None
    assert own.auths["two"] is None
    other = identify(APIS, hide({"two": "another-token"}))
    assert other.auths["one"] is APIS[0].auth
    assert other.auths["two"] is not None
    assert own.owner_secret != other.owner_secret
    assert other.redactor.clean(f"{SECRET} another-token") == "[token] [token]"


@pytest.mark.parametrize(
    ("tokens", "reason"),
    [("a-token", "one token fits one API"), ({"three": "a-token"}, "no API of that name")],
)
def test_a_token_for_no_api_is_refused(tokens: Any, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        identify(APIS, hide(tokens))


async def send(auth: Any, server: loopback.Loopback, times: int = 1) -> list[str]:
    async with Http(response_bytes=10_000, wall_seconds=20) as http:
        host = run_api("api", server.url, auth, http, Limits())
        asked = json.dumps({"method": "GET", "path": "/x", "query": [["a", "1"]]})
        return [await host.request(asked) for _ in range(times)]


async def test_a_key_in_the_query_is_sent_and_taken_out_of_what_comes_back() -> None:
    echo = loopback.write_answer(f'{{"url": "/x?key={SECRET}"}}'.encode())
    async with loopback.running(echo) as server:
        [reply] = await send(ApiKey("key", SECRET, where="query"), server)
        assert server.received[0].target == f"/x?a=1&key={SECRET}"
        assert SECRET not in reply


async def test_a_fresh_token_is_made_once_in_a_call() -> None:
    made: list[str] = []

    def make() -> str:
        made.append(SECRET)
        return SECRET

    async with loopback.running(loopback.write_answer(SECRET.encode())) as server:
        replies = await send(Bearer(make), server, times=3)
        sent = [each.headers["authorization"] for each in server.received]
    assert sent == [f"Bearer {SECRET}"] * 3
    assert len(made) == 1
    assert SECRET not in "".join(replies)


async def test_where_no_fresh_token_can_be_had_nothing_is_sent() -> None:
    def fail() -> str:
        raise RuntimeError(SECRET)

    async with loopback.running(loopback.write_answer(b"{}")) as server:
        [reply] = await send(Bearer(fail), server)
        assert server.received == []
    assert "no fresh token for api" in reply
    assert SECRET not in reply
