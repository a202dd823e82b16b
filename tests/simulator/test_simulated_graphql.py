"""Simulated analytics over GraphQL."""

from __future__ import annotations

from typing import Any

import pytest
from simulator_client import Api


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
        "{ viewer @skip(if: true) { zones } }",
        "{ viewer { budget } } { viewer { budget } }",
        "fragment Zones on Viewer { zones }",
        "{ viewer(limit: " + "9" * 5_000 + ") { zones } }",
        "{ viewer { " + "a " * 10_000 + "} }",
        "",
    ],
)
def test_graphql_without_an_answer_has_null_data_and_errors(api: Api, query: str) -> None:
    answer = graphql(api, query, tag=api.zone().removeprefix("/zones/"))
    assert answer["data"] is None
    assert answer["errors"][0]["message"]
