"""Over HTTP each caller has the tokens of its own headers, and never those of the process."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from pymode import OpenAPI
from pymode.apis.identity import identify
from pymode.errors import ConfigError
from pymode.server.callers import how_to_send, read_caller, write_tokens

OWN = "token-of-the-server"
APIS = (OpenAPI("cloudflare", name="one", token=OWN), OpenAPI("cloudflare", name="two_b"))
NAMES = [api.name for api in APIS]


def test_a_caller_with_a_token_for_one_api_has_none_for_the_others() -> None:
    """Not even where the process has one of its own for them."""
    caller = read_caller({"two-b-api-token": "token-of-the-caller"}, NAMES)
    who = identify(APIS, caller.token)
    assert who.auths["one"] is None
    assert who.auths["two_b"] is not None
    assert who.redactor.clean(OWN) == OWN  # it is not even known to this call


def test_a_caller_without_any_token_keeps_nothing() -> None:
    caller = read_caller({}, NAMES)
    assert (caller.token, caller.keeps) == (None, False)


def test_with_several_apis_a_bearer_token_is_for_none() -> None:
    assert read_caller({"authorization": "Bearer token-of-the-caller"}, NAMES).token is None


def test_where_there_is_no_api_whoever_calls_is_the_only_user() -> None:
    """Such a server listens on loopback only."""
    assert read_caller({}, []).keeps


def test_the_only_api_takes_the_bearer_token() -> None:
    caller = read_caller({"authorization": "Bearer token-of-the-caller"}, ["one"])
    assert isinstance(caller.token, SecretStr)
    with pytest.raises(ConfigError, match="must be: Bearer"):
        read_caller({"authorization": "Basic eDp5"}, ["one"])


def test_a_header_that_brings_no_token_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigError, match="the header two-b-api-token") as caught:
        read_caller({"two-b-api-token": "two words"}, NAMES)
    assert "two words" not in str(caught.value)


def test_calls_of_different_tokens_are_bound_to_different_texts() -> None:
    first = read_caller({"one-api-token": "token-a"}, NAMES).token
    second = read_caller({"two-b-api-token": "token-a"}, NAMES).token
    assert write_tokens(first) != write_tokens(second)


def test_what_is_missing_is_named_by_its_header() -> None:
    assert how_to_send(["one"], ["one"]) == "Authorization: Bearer TOKEN"
    assert how_to_send(NAMES, ["two_b"]) == "two-b-api-token: TOKEN"
