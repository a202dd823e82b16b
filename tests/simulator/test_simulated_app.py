"""What all products share: routes, seeds, tokens, unknown paths and methods."""

from __future__ import annotations

import json
import re

import pytest
from paths import SHARED_SPECS
from simulator_client import Api
from starlette.routing import Route

from pymode.simulator import State, create_app

SPEC = SHARED_SPECS / "cloudflare-2024-08.json"


def test_every_route_is_a_path_and_method_of_the_official_document() -> None:
    if not SPEC.exists():
        pytest.skip(f"{SPEC} is not on this machine")
    paths = json.loads(SPEC.read_text())["paths"]
    official = {
        (method.upper(), re.sub(r"\{[^}]*\}", "{}", path))
        for path, operations in paths.items()
        for method in operations
    }
    simulated = {
        (method, re.sub(r"\{[^}]*\}", "{}", route.path.removeprefix("/client/v4")))
        for route in create_app(State()).routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    beyond = {
        (method, path)
        for method, path in simulated - official
        if not path.startswith(("/simulator/", "/graphql"))
    }
    assert beyond == set()


def test_the_same_state_is_seeded_each_time() -> None:
    one, other = State.seeded(), State.seeded()
    one.traffic = other.traffic
    assert one == other


def test_every_answer_has_a_ray_and_a_compact_envelope(api: Api) -> None:
    for path in ("/zones", "/nowhere", "/simulator/text"):
        assert api.send("GET", path).headers["cf-ray"].endswith("-SIM")
    assert b'": ' not in api.send("GET", "/zones").content


@pytest.mark.parametrize(
    ("header", "path", "expected"),
    [
        (None, "/zones", (400, 9106)),
        ("Basic abcdefgh", "/zones", (400, 6003)),
        ("Bearer ", "/zones", (400, 6003)),
        ("Bearer unknown-token", "/zones", (403, 9109)),
        ("Bearer unknown-token", "/accounts", (401, 10000)),
        ("Bearer unknown-token", "/user/tokens/verify", (401, 1000)),
    ],
)
def test_a_bad_token_is_refused(header: str | None, path: str, expected: tuple[int, int]) -> None:
    api = Api(token=None)
    headers = {} if header is None else {"Authorization": header}
    assert api.refusal("GET", path, headers=headers) == expected


def test_a_good_token_is_verified_and_has_a_user(api: Api) -> None:
    assert api.result("GET", "/user/tokens/verify")["status"] == "active"
    assert api.result("GET", "/user")["email"] == "user@example.com"


def test_a_read_only_token_reads_and_does_not_write(api: Api) -> None:
    reader = api.as_token("simulated-readonly-1")
    assert len(reader.result("GET", "/zones")) == 6
    assert reader.refusal("DELETE", api.zone()) == (403, 10000)
    assert reader.send("POST", "/graphql", json={"query": "{ viewer { budget } }"}).is_success
    assert len(reader.result("GET", "/zones")) == 6


def test_one_token_sees_two_accounts_and_the_others_one(api: Api) -> None:
    both = api.as_token("simulated-two-accounts").result("GET", "/accounts")
    assert [account["name"] for account in both] == ["Example Account", "Second Account"]
    assert api.result("GET", "/accounts") == both[:1]
    assert api.result("GET", f"/accounts/{both[0]['id']}") == both[0]
    assert api.refusal("GET", f"/accounts/{both[1]['id']}") == (403, 9109)
    assert api.refusal("GET", f"/accounts/{both[1]['id']}/workers/scripts") == (403, 10000)
    names = {zone["name"] for zone in api.result("GET", "/zones")}
    assert "second-account.example" not in names


def test_an_unknown_path_and_a_malformed_id_cannot_be_routed(api: Api) -> None:
    for path in ("/nowhere", "/zones/not-an-id", "/zones/", f"{api.zone()}/dns_records/x"):
        assert api.refusal("GET", path) == (404, 7003)


def test_a_wrong_method_is_not_allowed(api: Api) -> None:
    assert api.refusal("PUT", "/zones", json={}) == (405, 10405)
