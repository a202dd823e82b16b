"""The simulated API answers as Cloudflare does, in process and as a process of its own."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from paths import REPOSITORY, SHARED_SPECS
from starlette.routing import Route

from pymode.errors import SimulatorError
from pymode.simulator import State, create_app, running

SPEC = SHARED_SPECS / "cloudflare-2024-08.json"
BASE = "http://simulator/client/v4"


class Api:
    """A client of an app in this process, one event loop for each request."""

    def __init__(self, state: State | None = None, token: str | None = "simulated-test") -> None:
        self.state = state or State.seeded()
        self.app = create_app(self.state)
        self.headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def as_token(self, token: str) -> Api:
        return Api(self.state, token)

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            async with self.client() as client:
                return await client.request(method, BASE + path, **options)

        return asyncio.run(send())

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app)
        return httpx.AsyncClient(transport=transport, headers=self.headers)

    def result(self, method: str, path: str, **options: Any) -> Any:
        response = self.send(method, path, **options)
        assert response.json()["success"] is True, response.text
        return response.json()["result"]

    def refusal(self, method: str, path: str, **options: Any) -> tuple[int, int]:
        response = self.send(method, path, **options)
        envelope = response.json()
        assert envelope["success"] is False
        assert envelope["result"] is None
        return response.status_code, envelope["errors"][0]["code"]

    @property
    def account(self) -> str:
        return f"/accounts/{next(iter(self.state.accounts))}"

    def zone(self, name: str = "example.com") -> str:
        return next(f"/zones/{key}" for key, zone in self.state.zones.items() if zone.name == name)

    def namespace(self, title: str) -> str:
        base = f"{self.account}/storage/kv/namespaces"
        found = self.result("GET", base)
        return next(f"{base}/{one['id']}" for one in found if one["title"] == title)


@pytest.fixture
def api() -> Api:
    return Api()


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


def test_zones_come_in_pages() -> None:
    api = Api(State.seeded(zones=120))
    names: list[str] = []
    for page in (1, 2, 3):
        envelope = api.send("GET", "/zones", params={"page": page, "per_page": 500}).json()
        names += [zone["name"] for zone in envelope["result"]]
    assert envelope["result_info"] == {
        "page": 3,
        "per_page": 50,
        "count": 20,
        "total_count": 120,
        "total_pages": 3,
    }
    assert len(set(names)) == 120
    assert names == sorted(names)
    assert api.result("GET", "/zones", params={"page": 99}) == []
    assert api.refusal("GET", "/zones", params={"page": "two"}) == (400, 6008)


def test_zones_are_filtered_by_name_and_status(api: Api) -> None:
    def names(**query: str) -> list[str]:
        return [zone["name"] for zone in api.result("GET", "/zones", params=query)]

    assert names(name="example.net") == ["example.net"]
    assert names(name="contains:zone-00") == [f"zone-00{n}.example" for n in (3, 4, 5)]
    assert names(status="pending") == ["example.org"]
    assert names(status="pending", name="example.net", match="any") == [
        "example.net",
        "example.org",
    ]
    assert names(direction="desc")[0] == "zone-005.example"
    assert api.refusal("GET", "/zones", params={"status": "lost"})[0] == 400


def test_a_zone_is_created_edited_and_deleted(api: Api) -> None:
    zone = api.result("POST", "/zones", json={"name": "new.example"})
    assert zone["status"] == "pending"
    assert re.fullmatch("[0-9a-f]{32}", zone["id"])
    assert api.refusal("POST", "/zones", json={"name": "new.example"}) == (400, 1061)
    assert api.refusal("POST", "/zones", json={"name": "no domain"}) == (400, 1049)
    path = f"/zones/{zone['id']}"
    assert api.result("PATCH", path, json={"paused": True})["paused"] is True
    assert api.result("DELETE", path) == {"id": zone["id"]}
    assert api.refusal("GET", path) == (404, 1001)


def test_zone_settings_are_read_and_changed(api: Api) -> None:
    zone = api.zone()
    assert (
        api.result("PATCH", f"{zone}/settings/ssl", json={"value": "strict"})["value"] == "strict"
    )
    items = [{"id": "http3", "value": "off"}, {"id": "min_tls_version", "value": "1.3"}]
    api.result("PATCH", f"{zone}/settings", json={"items": items})
    values = {one["id"]: one["value"] for one in api.result("GET", f"{zone}/settings")}
    assert (values["ssl"], values["http3"], values["min_tls_version"]) == ("strict", "off", "1.3")
    assert api.refusal("PATCH", f"{zone}/settings/ssl", json={"value": True}) == (400, 1007)
    assert api.refusal("GET", f"{zone}/settings/nothing") == (400, 1006)


def test_the_cache_is_purged_only_with_a_target(api: Api) -> None:
    path = f"{api.zone()}/purge_cache"
    assert api.result("POST", path, json={"purge_everything": True})
    assert api.refusal("POST", path, json={}) == (400, 1012)


def test_the_large_zone_has_more_records_than_one_page(api: Api) -> None:
    path = f"{api.zone()}/dns_records"
    first = api.send("GET", path).json()
    assert first["result_info"]["count"] == 100
    assert first["result_info"]["total_count"] > 130
    rest = api.result("GET", path, params={"page": 2})
    ids = {record["id"] for record in first["result"] + rest}
    assert len(ids) == first["result_info"]["total_count"]


def test_records_are_filtered_and_ordered(api: Api) -> None:
    def names(**query: str) -> list[str]:
        found = api.result("GET", f"{api.zone()}/dns_records", params=query)
        return [record["name"] for record in found]

    assert names(type="MX") == ["example.com", "example.com"]
    assert names(type="A", name="api.example.com") == ["api.example.com"]
    assert names(content="blog.hosting.example") == ["blog.example.com"]
    assert names(**{"comment.contains": "mail"}) == ["mail.example.com"]
    assert names(type="A", order="name", direction="desc")[0] == "mail.example.com"
    assert api.refusal("GET", f"{api.zone()}/dns_records", params={"order": "age"})[0] == 400


def test_a_record_is_created_changed_and_deleted(api: Api) -> None:
    path = f"{api.zone()}/dns_records"
    sent = {"type": "A", "name": "New", "content": "192.0.2.9", "ttl": 300, "comment": "mine"}
    made = api.result("POST", path, json=sent)
    assert made["name"] == "new.example.com"
    one = f"{path}/{made['id']}"
    patched = api.result("PATCH", one, json={"content": "192.0.2.10"})
    assert (patched["content"], patched["ttl"], patched["comment"]) == ("192.0.2.10", 300, "mine")
    put = api.result("PUT", one, json={"type": "A", "name": "new", "content": "192.0.2.11"})
    assert (put["ttl"], put["comment"], put["created_on"]) == (1, None, made["created_on"])
    assert api.result("GET", one) == put
    assert api.result("DELETE", one) == {"id": made["id"]}
    assert api.refusal("GET", one) == (404, 81044)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"content": "300.1.1.1"}, 9005),
        ({"type": "AAAA", "content": "192.0.2.1"}, 9006),
        ({"type": "CNAME", "content": "192.0.2.1"}, 9007),
        ({"type": "MX", "content": "mail.example.com"}, 9101),
        ({"type": "TXT", "content": "x", "proxied": True}, 9004),
        ({"ttl": 5}, 9021),
        ({"type": "NOPE"}, 9002),
        ({"name": None}, 9000),
        ({"content": None}, 9101),
        ({"name": "api", "content": "198.51.100.0", "proxied": True}, 81058),
        ({"name": "api", "content": "198.51.100.0", "ttl": 300}, 81057),
        ({"name": "blog"}, 81054),
        ({"type": "CNAME", "name": "api", "content": "other.example"}, 81053),
    ],
)
def test_a_bad_record_is_refused_with_its_code(api: Api, change: Any, code: int) -> None:
    record = {"type": "A", "name": "fresh", "content": "192.0.2.1"} | change
    assert api.refusal("POST", f"{api.zone()}/dns_records", json=record) == (400, code)


def test_a_body_that_is_not_json_is_refused(api: Api) -> None:
    path = f"{api.zone()}/dns_records"
    headers = {"Content-Type": "application/json"}
    for body in (b"{", b"[" * 100_000, b"\xff"):
        assert api.refusal("POST", path, content=body, headers=headers) == (400, 6007)
    assert api.refusal("POST", path, json=[]) == (400, 9207)
    assert api.refusal("POST", path, data={"type": "A"}) == (400, 9207)


def test_records_are_exported_as_text(api: Api) -> None:
    response = api.send("GET", f"{api.zone()}/dns_records/export")
    assert response.headers["content-type"].startswith("text/plain")
    assert "example.com.\t3600\tIN\tMX\t10 mail.example.com\n" in response.text


def test_rulesets_are_listed_without_rules_and_read_with_them(api: Api) -> None:
    for owner, kind in ((api.zone(), "zone"), (api.account, "custom")):
        listed = api.result("GET", f"{owner}/rulesets")
        assert {"managed", kind} == {ruleset["kind"] for ruleset in listed}
        assert all("rules" not in ruleset for ruleset in listed)
        assert api.result("GET", f"{owner}/rulesets/{listed[0]['id']}")["rules"]


def test_a_phase_without_rules_has_no_entry_point_until_one_is_put(api: Api) -> None:
    path = f"{api.zone('example.org')}/rulesets/phases/http_request_firewall_custom/entrypoint"
    assert api.refusal("GET", path) == (404, 10003)
    rule = {"action": "block", "expression": "ip.src eq 192.0.2.1"}
    made = api.result("PUT", path, json={"rules": [rule]})
    assert (made["kind"], made["version"], len(made["rules"])) == ("zone", "1", 1)
    again = api.result("PUT", path, json={"rules": [*made["rules"], rule]})
    assert (again["id"], again["version"]) == (made["id"], "2")
    assert again["rules"][0]["id"] == made["rules"][0]["id"]
    assert api.result("GET", path) == again
    assert api.refusal("GET", path.replace("custom", "nothing"))[0] == 400


def test_rules_are_added_moved_changed_and_deleted(api: Api) -> None:
    base = f"{api.zone()}/rulesets"
    phase = "http_request_transform"
    made = api.result("POST", base, json={"name": "mine", "kind": "zone", "phase": phase})
    path = f"{base}/{made['id']}"
    for text in ("a", "b"):
        rule = {"action": "rewrite", "expression": f'http.host eq "{text}"', "description": text}
        api.result("POST", f"{path}/rules", json=rule)
    first = rule | {"description": "first", "position": {"index": 1}}
    rules = api.result("POST", f"{path}/rules", json=first)["rules"]
    assert [one["description"] for one in rules] == ["first", "a", "b"]
    one = f"{path}/rules/{rules[1]['id']}"
    changed = api.result("PATCH", one, json={"enabled": False})
    assert [one["enabled"] for one in changed["rules"]] == [True, False, True]
    assert changed["version"] == "5"
    assert len(api.result("DELETE", one)["rules"]) == 2
    assert api.refusal("DELETE", one)[0] == 404
    assert api.send("DELETE", path).status_code == 204
    assert api.refusal("GET", path) == (404, 10001)


def test_a_bad_ruleset_is_refused(api: Api) -> None:
    base = f"{api.zone()}/rulesets"
    managed = f"{base}/efb7b8c949ac4650a09736fc376e9aee"
    assert api.refusal("PUT", managed, json={"rules": []})[0] == 403
    custom = f"{base}/phases/http_request_firewall_custom/entrypoint"
    for rule in ({"action": "block", "expression": '(a eq "b"'}, {"action": "block"}):
        assert api.refusal("PUT", custom, json={"rules": [rule]}) == (400, 20127)
    bad: tuple[Any, ...] = ({}, [1], [{"id": [], "action": "nothing", "expression": "true"}])
    for rules in bad:
        assert api.refusal("PUT", custom, json={"rules": rules})[0] == 400


def test_a_worker_is_uploaded_read_and_deleted(api: Api) -> None:
    base = f"{api.account}/workers/scripts"
    assert len(api.result("GET", base)) == 3
    module = "export default { fetch() {} };"
    metadata = {"main_module": "main.js", "bindings": [{"type": "plain_text", "name": "A"}]}
    files = {
        "metadata": (None, json.dumps(metadata), "application/json"),
        "main.js": ("main.js", module, "application/javascript+module"),
    }
    assert api.result("PUT", f"{base}/new-one", files=files)["id"] == "new-one"
    assert api.send("GET", f"{base}/new-one").text == module
    assert api.result("GET", f"{base}/new-one/settings")["bindings"] == metadata["bindings"]
    headers = {"Content-Type": "application/javascript"}
    api.result("PUT", f"{base}/new-one", content=b"addEventListener()", headers=headers)
    assert api.send("GET", f"{base}/new-one/content/v2").text == "addEventListener()"
    assert api.result("DELETE", f"{base}/new-one") is None
    assert api.refusal("GET", f"{base}/new-one") == (404, 10007)


def test_a_worker_upload_without_its_main_module_is_refused(api: Api) -> None:
    path = f"{api.account}/workers/scripts/new-one"
    files = {"metadata": (None, '{"main_module":"main.js"}'), "other.js": ("other.js", "1")}
    assert api.refusal("PUT", path, files=files) == (400, 10021)
    files["metadata"] = (None, "[]")
    assert api.refusal("PUT", path, files=files) == (400, 10050)
    headers = {"Content-Type": "multipart/form-data"}
    assert api.refusal("PUT", path, content=b"x", headers=headers)[0] == 400


def test_worker_routes_are_made_for_hosts_of_the_zone(api: Api) -> None:
    base = f"{api.zone()}/workers/routes"
    assert len(api.result("GET", base)) == 2
    sent = {"pattern": "*.example.com/new/*", "script": "api-gateway"}
    made = api.result("POST", base, json=sent)
    assert api.refusal("POST", base, json=sent) == (409, 10020)
    assert api.refusal("POST", base, json=sent | {"pattern": "other.test/*"}) == (400, 10022)
    assert api.refusal("POST", base, json={"pattern": "example.com/x", "script": []})[0] == 404
    path = f"{base}/{made['id']}"
    assert api.result("PUT", path, json=sent | {"script": None})["script"] is None
    assert api.result("GET", path)["script"] is None
    assert api.result("DELETE", path) == {"id": made["id"]}
    assert api.refusal("GET", path)[0] == 404


def test_kv_keys_are_listed_with_a_cursor(api: Api) -> None:
    path = f"{api.namespace('cache')}/keys"
    names: list[str] = []
    cursor: str | None = None
    while cursor != "":
        query = {"cursor": cursor} if cursor else {}
        envelope = api.send("GET", path, params=query).json()
        names += [key["name"] for key in envelope["result"]]
        cursor = envelope["result_info"]["cursor"]
    assert len(names) == len(set(names)) == 1250
    found = api.result("GET", path, params={"prefix": "page:12", "limit": 10})
    assert [key["name"] for key in found] == [f"page:12{n:02}" for n in range(10)]
    assert api.refusal("GET", path, params={"limit": 5}) == (400, 10029)
    assert api.refusal("GET", path, params={"cursor": "%%%"}) == (400, 10028)


def test_a_kv_value_keeps_its_bytes_and_metadata(api: Api) -> None:
    base = api.namespace("sessions")
    path = f"{base}/values/a%2Fb%3F"
    assert api.refusal("GET", path) == (404, 10009)
    assert api.result("PUT", path, content=b"\x00\xff") is None
    assert api.send("GET", path).content == b"\x00\xff"
    assert api.result("GET", f"{base}/keys") == [{"name": "a/b?"}]
    form = {"value": (None, "v"), "metadata": (None, '{"owner":"me"}')}
    api.result("PUT", path, files=form, params={"expiration_ttl": 60})
    assert api.send("GET", path).text == "v"
    assert api.result("GET", f"{base}/metadata/a%2Fb%3F") == {"owner": "me"}
    assert api.refusal("PUT", path, content=b"", params={"expiration_ttl": 5})[0] == 400
    assert api.result("DELETE", path) is None
    assert api.result("DELETE", path) is None


def test_kv_bulk_writes_all_or_nothing(api: Api) -> None:
    base = api.namespace("sessions")
    pairs = [{"key": "one", "value": "1"}, {"key": "two", "value": "//8=", "base64": True}]
    assert api.result("PUT", f"{base}/bulk", json=pairs) is None
    assert api.send("GET", f"{base}/values/two").content == b"\xff\xff"
    for bad in ({"key": 3, "value": "x"}, {"key": "\ud800", "value": "x"}, None):
        body = json.dumps([{"key": "new", "value": ""}, bad])
        assert api.refusal("PUT", f"{base}/bulk", content=body)[0] == 400
    assert len(api.result("GET", f"{base}/keys")) == 2
    api.result("POST", f"{base}/bulk/delete", json=["one", "two", "three"])
    assert api.result("GET", f"{base}/keys") == []


def test_a_kv_namespace_is_created_renamed_and_deleted(api: Api) -> None:
    base = f"{api.account}/storage/kv/namespaces"
    made = api.result("POST", base, json={"title": "mine"})
    assert api.refusal("POST", base, json={"title": "mine"}) == (400, 10014)
    path = f"{base}/{made['id']}"
    api.result("PUT", path, json={"title": "renamed"})
    assert api.result("GET", path)["title"] == "renamed"
    assert api.send("GET", base).json()["result_info"]["total_count"] == 4
    api.result("DELETE", path)
    assert api.refusal("GET", path) == (404, 10013)


def graphql(api: Api, query: str, **variables: Any) -> Any:
    response = api.send("POST", "/graphql", json={"query": query, "variables": variables})
    assert response.status_code == 200
    return response.json()


def test_graphql_answers_daily_requests(api: Api) -> None:
    query = """
    query Daily($tag: String!, $limit: Int = 3) {  # a comment
      viewer {
        zones(filter: {zoneTag: $tag}) {
          days: httpRequests1dGroups(
            limit: $limit, filter: {date_geq: "2025-12-10"}, orderBy: [date_ASC]
          ) { sum { requests bytes } dimensions { date } }
        }
      }
    }"""
    answer = graphql(api, query, tag=api.zone().removeprefix("/zones/"))
    assert answer["errors"] is None
    days = answer["data"]["viewer"]["zones"][0]["days"]
    dates = [day["dimensions"]["date"] for day in days]
    assert dates == ["2025-12-10", "2025-12-11", "2025-12-12"]
    assert all(day["sum"].keys() == {"requests", "bytes"} for day in days)


def test_graphql_gives_partial_errors_where_the_plan_lacks_a_dataset(api: Api) -> None:
    query = """{ viewer { zones(filter: {zoneTag: $tag}) {
      zoneTag firewallEventsAdaptiveGroups(limit: 1, orderBy: [count_DESC]) { count } } } }"""
    paid = graphql(api, query, tag=api.zone().removeprefix("/zones/"))
    assert paid["errors"] is None
    assert len(paid["data"]["viewer"]["zones"][0]["firewallEventsAdaptiveGroups"]) == 1
    free = graphql(api, query, tag=api.zone("example.org").removeprefix("/zones/"))
    assert free["data"]["viewer"]["zones"][0]["firewallEventsAdaptiveGroups"] is None
    assert free["errors"][0]["path"][-1] == "firewallEventsAdaptiveGroups"


def test_graphql_counts_worker_invocations_of_an_account(api: Api) -> None:
    query = """{ viewer { accounts(filter: {accountTag: $tag}) {
      workersInvocationsAdaptive { sum { requests } dimensions { scriptName } } } } }"""
    answer = graphql(api, query, tag=api.account.removeprefix("/accounts/"))
    assert len(answer["data"]["viewer"]["accounts"][0]["workersInvocationsAdaptive"]) == 3


@pytest.mark.parametrize(
    "query",
    [
        "{ viewer { zones(filter: {zoneTag: $tag}) { nothing } } }",
        "{ viewer { zones(filter: {zoneTag: $tag}) { httpRequests1dGroups { sum } } } }",
        "{ viewer { zones(filter: {zoneTag: $tag}) { httpRequests1dGroups(limit: -1) { sum {",
        "{ viewer { zones(filter: {zoneTag: 5}) { zoneTag } } }",
        "{ viewer { zones(filter: {zoneTag_in: 5}) { zoneTag } } }",
        "{ viewer { zones { zoneTag } } }",
        "{ viewer { zones(filter: {zoneTag: $tag}) { httpRequests1dGroups(filter: 5) {x} } } }",
        "{ nobody { zones } }",
        "mutation { viewer { zones } }",
        "{ viewer { ...Zones } }",
        "{ viewer { zones(filter: $unknown) { zoneTag } } }",
        "{" * 50_000,
        "{ viewer { zones(filter: " + "[" * 5_000,
        '{ viewer(text: "',
        "",
    ],
)
def test_graphql_without_an_answer_has_null_data_and_errors(api: Api, query: str) -> None:
    answer = graphql(api, query, tag=api.zone().removeprefix("/zones/"))
    assert answer["data"] is None
    assert answer["errors"][0]["message"]


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


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with running(zones=3) as url:
        yield url


def test_a_process_serves_on_loopback(base_url: str) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/client/v4", base_url)
    headers = {"Authorization": "Bearer simulated-test"}
    zones = httpx.get(f"{base_url}/zones", headers=headers, trust_env=False).json()
    assert zones["result_info"]["total_count"] == 3


def test_a_reset_ends_the_connection_within_the_body(base_url: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{base_url}/simulator/reset", trust_env=False)


def test_a_process_that_does_not_come_up_is_reported() -> None:
    with pytest.raises(SimulatorError, match="did not come up"), running(ready_seconds=0.0):
        pass


def start(*options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pymode.simulator", *options]
    root = REPOSITORY
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=root
    )


def test_a_process_ends_when_its_parent_closes_standard_input() -> None:
    with start("--until-stdin-closes") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        rest, complaints = process.communicate(timeout=20)
    assert line.startswith(b"http://127.0.0.1:")
    assert (rest, complaints, process.returncode) == (b"", b"", 0)


def test_a_process_ends_on_sigterm_with_an_answer_under_way() -> None:
    with start() as process:
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip()
        with httpx.stream("GET", f"{url}/simulator/drip", trust_env=False) as response:
            assert response.status_code == 200
            process.send_signal(signal.SIGTERM)
            _, complaints = process.communicate(timeout=20)
    assert complaints == b""
    assert process.returncode in (0, -signal.SIGTERM)
