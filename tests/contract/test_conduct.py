"""What an operator allows, what a dry run holds back, and what the document knows of a request."""

from __future__ import annotations

from typing import Any

import loopback
import pytest
from simulated_api import API, Open

from pymode.errors import CodeRaised, ConfigError
from pymode.policy.rules import Rules

pytestmark = pytest.mark.anyio

ZONE = "0" * 32
TRY = """
async def main():
    try:
        answer = await cloudflare.request({arguments})
    except CloudflareRefused as error:
        return [isinstance(error, CloudflareError), error.status, error.errors[0]["code"],
                str(error)]
    except CloudflareError as error:
        return ["failed", error.status, None, str(error)]
    return ["answered", answer["status"], None, ""]
"""
FIRST_ZONE = "zone = (await cloudflare.request('GET', '/zones'))['result'][0]['id']\n"
TRY_IN_ZONE = TRY.replace("    try:", f"    {FIRST_ZONE}    try:")


# Rules


@pytest.mark.parametrize(
    ("rules", "arguments", "named"),
    [
        ({"deny": ["DELETE /zones/**"]}, f"'DELETE', '/zones/{ZONE}'", "DELETE /zones/** (deny)"),
        ({"deny": ["* /zones/*"]}, f"'PATCH', '/zones/{ZONE}', body={{}}", "* /zones/* (deny)"),
        ({"deny": ["tag:dns"]}, f"'POST', '/zones/{ZONE}/dns_records'", "tag:dns (deny)"),
        ({"deny": ["tag:dns"]}, f"'GET', '/client/v4/zones/{ZONE}/dns_records'", "tag:dns (deny)"),
        ({"deny": ["zones-post"]}, "'POST', '/zones', body={}", "zones-post (deny)"),
        ({"deny": ["GET /zones"]}, "'HEAD', '/zones'", "GET /zones (deny)"),
        ({"deny": ["GET /zones"]}, "'GET', '/zones?name=x'", "GET /zones (deny)"),
        ({"deny": ["GET /zones"]}, "'GET', '/%7aones'", "GET /zones (deny)"),
        ({"allow": ["GET /zones/**"]}, "'GET', '/accounts'", "Allowed: GET /zones/** (allow)"),
        ({"allow": ["* /**"], "deny": ["zones-get"]}, "'GET', '/zones'", "zones-get (deny)"),
        ({"read_only": True}, "'POST', '/zones', body={}", "read_only"),
        ({"read_only": True}, "'PUT', '/nowhere'", "read_only"),
    ],
)
async def test_a_refused_request_names_its_rule_and_is_not_sent(
    open_code_mode: Open, api: API, rules: dict[str, Any], arguments: str, named: str
) -> None:
    async with open_code_mode(rules=Rules.parse(**rules)) as code_mode:
        result = await code_mode.execute(TRY.format(arguments=arguments))
    is_api_error, status, kind, message = result.value
    assert (is_api_error, status, kind) == (True, None, "rule")
    assert named in message
    assert message.endswith("; nothing was sent")
    assert api.requests == []
    assert result.requests == ()


async def test_code_that_catches_a_refusal_goes_on(open_code_mode: Open, api: API) -> None:
    code = """
refused = 0
for method in ("DELETE", "GET", "PATCH"):
    try:
        await cloudflare.request(method, "/zones")
    except CloudflareRefused:
        refused += 1
    except CloudflareError as error:
        return error.status
return [refused, len((await cloudflare.request("GET", "/zones"))["result"])]
"""
    async with open_code_mode(rules=Rules.parse(read_only=True)) as code_mode:
        assert (await code_mode.execute(code)).value == [2, 6]
    assert api.requests == [("GET", "/zones")] * 2


async def test_a_refusal_that_is_not_caught_ends_the_call(open_code_mode: Open, api: API) -> None:
    rules = Rules.parse(deny=["POST /zones"])
    code = "await cloudflare.request('GET', '/zones')\nawait cloudflare.request('POST', '/zones')"
    async with open_code_mode(rules=rules) as code_mode:
        with pytest.raises(CodeRaised) as caught:
            await code_mode.execute(code)
    first, line, sent = str(caught.value).splitlines()
    assert first.startswith("CloudflareRefused: POST /zones: ")
    assert "POST /zones (deny)" in first
    assert line.startswith("  line 2: ")
    assert sent == "No write was sent. Reads: 1 got 200."
    assert api.writes == []


@pytest.mark.parametrize(
    ("query", "is_sent"),
    [
        ("{ viewer { zones { zoneTag } } }", True),
        ("query A { viewer { zones { zoneTag } } }", True),
        ("mutation { remove }", False),
        ("query A { viewer { a } } mutation B { remove }", False),
        ("# query\\nmutation { remove }", False),
        ("{ this is no document", False),
    ],
)
async def test_read_only_lets_graphql_queries_pass_and_no_mutation(
    open_code_mode: Open, api: API, query: str, is_sent: bool
) -> None:
    arguments = f"'POST', '/graphql', body={{'query': '{query}'}}"
    async with open_code_mode(rules=Rules.parse(read_only=True)) as code_mode:
        outcome, *_ = (await code_mode.execute(TRY.format(arguments=arguments))).value
    assert (outcome in ("answered", "failed")) is is_sent
    assert api.requests == [("POST", "/graphql")] * is_sent


async def test_the_account_is_not_looked_up_against_the_rules(
    open_code_mode: Open, api: API
) -> None:
    async with open_code_mode(rules=Rules.parse(deny=["GET /accounts"])) as code_mode:
        with pytest.raises(CodeRaised, match=r"denied by the rule GET /accounts \(deny\)"):
            await code_mode.execute("return account_id")
    assert api.requests == []


async def test_a_rule_for_what_the_document_does_not_have_is_an_error(
    open_code_mode: Open, api: API
) -> None:
    """It would guard nothing."""
    async with open_code_mode(rules=Rules.parse(deny=["zones-pots"])) as code_mode:
        with pytest.raises(ConfigError, match=r"no such operationId.*zones-post"):
            await code_mode.execute("return 1")


# Dry run

CHANGE = (
    FIRST_ZONE
    + """
records = f"/zones/{zone}/dns_records"
body = {"type": "A", "name": "dry.example.com", "content": "192.0.2.77", "comment": COMMENT}
made = await cloudflare.request("POST", records, body=body)
name = made["result"]["name"]
changed = await cloudflare.request("PATCH", f"{records}/{made['result']['id']}", body={"ttl": 60})
gone = await cloudflare.request("DELETE", f"{records}/{made['result']['id']}")
found = await cloudflare.request("GET", records, query={"content": "192.0.2.77"})
return [name, [one.get("dry_run") for one in (made, changed, gone, found)], len(found["result"])]
"""
)


async def test_a_dry_run_sends_reads_and_answers_writes_itself(
    open_code_mode: Open, api: API
) -> None:
    async with open_code_mode() as code_mode:
        code = CHANGE.replace("COMMENT", "'simulated-token'")
        result = await code_mode.execute(code, dry_run=True)
    assert result.value == ["dry.example.com", [True, True, True, None], 0]
    assert [method for method, _ in api.requests] == ["GET", "GET"]
    assert len(result.requests) == 2
    post, patch, delete = result.planned
    assert (post.method, patch.method, delete.method) == ("POST", "PATCH", "DELETE")
    assert post.path.endswith("/dns_records")
    assert '"content":"192.0.2.77","comment":"[token]"' in post.body
    assert patch.body == '{"ttl":60}'
    assert patch.path == delete.path
    assert delete.body == ""


@pytest.mark.parametrize(
    "arguments",
    [
        "'POST', '/graphql', body={'query': 'mutation { remove }'}",
        "'DELETE', f'/zones/{zone}/rulesets/{zone}'",
        "'PUT', '/nowhere/at/all', body=b'\\0\\xff', content_type='application/octet-stream'",
        "'POST', '/zones', files={'file': ('a.txt', 'text')}",
    ],
)
async def test_every_stand_in_is_marked(open_code_mode: Open, api: API, arguments: str) -> None:
    """Also that of an answer without a body, and of GraphQL."""
    code = f"{FIRST_ZONE}return await cloudflare.request({arguments})"
    async with open_code_mode(dry_run=True) as code_mode:
        result = await code_mode.execute(code)
    assert result.value["dry_run"] is True
    assert result.value["success"] is True
    assert len(result.planned) == 1
    assert api.writes == []


async def test_an_answer_of_the_api_is_never_marked_as_a_stand_in(open_code_mode: Open) -> None:
    """Whatever its headers say: what was sent must not seem held back."""
    answer = loopback.write_answer(b"done", headers={"x-dry-run": "true"})
    async with (
        loopback.running(answer) as server,
        open_code_mode(base_url=server.url) as code_mode,
    ):
        result = await code_mode.execute("return await cloudflare.request('PUT', '/x')")
    assert "dry_run" not in result.value
    assert len(server.received) == 1


async def test_a_dry_run_can_be_asked_for_and_called_off(open_code_mode: Open, api: API) -> None:
    code = "return (await cloudflare.request('PUT', '/simulator/echo')).get('dry_run')"
    async with open_code_mode(dry_run=True) as code_mode:
        assert (await code_mode.execute(code)).value is True
        assert api.requests == []
        assert (await code_mode.execute(code, dry_run=False)).value is None
    assert api.writes == [("PUT", "/simulator/echo")]


async def test_a_dry_run_refuses_what_the_rules_deny(open_code_mode: Open, api: API) -> None:
    async with open_code_mode(rules=Rules.parse(deny=["POST /zones"]), dry_run=True) as code_mode:
        result = await code_mode.execute(TRY.format(arguments="'POST', '/zones', body={}"))
    assert result.value[:3] == [True, None, "rule"]
    assert result.planned == ()


# Check

WRONG = [
    pytest.param(
        "'POST', f'/zones/{zone}/dns_records', body={'name': 'x', 'content': '192.0.2.1'}",
        400,
        "body lacks type (required)",
        id="a missing field",
    ),
    pytest.param(
        "'GET', '/zones', query={'status': 'broken'}",
        400,
        "status must be one of initializing, pending, active, moved",
        id="a value outside an enum",
    ),
    pytest.param(
        "'GET', f'/zones/{zone}/dns_record'",
        404,
        "nearest: GET /zones/{zone_id}/dns_records (",
        id="an unknown path",
    ),
    pytest.param(
        "'DELETE', f'/zones/{zone}/dns_records'",
        405,
        "dns_records, only GET, POST; nearest: DELETE /zones/{zone_id}/dns_records/{dns_record_id}",
        id="an unknown method",
    ),
]


@pytest.mark.parametrize(("arguments", "status", "advice"), WRONG)
async def test_a_refusal_of_the_api_carries_what_the_document_knows(
    open_code_mode: Open, api: API, arguments: str, status: int, advice: str
) -> None:
    code = TRY_IN_ZONE.format(arguments=arguments)
    async with open_code_mode() as code_mode:
        outcome, got, _, message = (await code_mode.execute(code)).value
    assert (outcome, got) == ("failed", status)
    assert advice in message
    assert len(api.requests) == 2


@pytest.mark.parametrize(("arguments", "status", "advice"), WRONG)
async def test_a_strict_check_refuses_before_anything_is_sent(
    open_code_mode: Open, api: API, arguments: str, status: int, advice: str
) -> None:
    """It is no rule of the operator, so it is no `CloudflareRefused`."""
    code = TRY_IN_ZONE.format(arguments=arguments)
    async with open_code_mode(check="strict") as code_mode:
        outcome, got, _, message = (await code_mode.execute(code)).value
    assert (outcome, got) == ("failed", None)
    assert advice in message
    assert message.endswith("; nothing was sent")
    assert api.requests == [("GET", "/zones")]


@pytest.mark.parametrize(("arguments", "status", "advice"), WRONG)
async def test_without_a_check_the_api_speaks_alone(
    open_code_mode: Open, api: API, arguments: str, status: int, advice: str
) -> None:
    code = TRY_IN_ZONE.format(arguments=arguments)
    async with open_code_mode(check="off") as code_mode:
        outcome, got, _, message = (await code_mode.execute(code)).value
    assert (outcome, got) == ("failed", status)
    assert advice not in message
    assert "the document" not in message


@pytest.mark.parametrize("check", ["warn", "strict", "off"])
@pytest.mark.parametrize("path", ["/zones/{zone_id}", "/zones/{zone_id}?a=b", "", "None"])
async def test_what_is_surely_wrong_is_never_sent(
    open_code_mode: Open, api: API, check: str, path: str
) -> None:
    async with open_code_mode(check=check) as code_mode:
        result = await code_mode.execute(TRY.format(arguments=f"'GET', {path!r}"))
    assert result.value[0] == "failed"
    assert api.requests == []


async def test_what_the_document_does_not_have_is_sent_all_the_same(
    open_code_mode: Open, api: API
) -> None:
    """Documents lag behind their APIs."""
    async with open_code_mode() as code_mode:
        arguments = "'PUT', '/simulator/echo/new', query={'a': 1}, body={'b': 2}"
        outcome = (await code_mode.execute(TRY.format(arguments=arguments))).value
    assert outcome == ["answered", 200, None, ""]
    assert api.requests == [("PUT", "/simulator/echo/new?a=1")]


async def test_a_403_says_which_permission_the_document_asks_for(
    open_code_mode: Open, api: API
) -> None:
    """The API is another one, with a document of its own; all works the same."""
    post = {
        "operationId": "addZone",
        "x-api-token-group": ["Zone Write", "Zone Admin"],
        "responses": {"200": {"description": "The zone"}},
    }
    document = {
        "openapi": "3.0.3",
        "info": {"title": "Guarded zones", "version": "1"},
        "paths": {"/zones": {"post": post}},
    }
    options = {"spec": document, "name": "guarded", "token": "simulated-readonly"}
    code = TRY.format(arguments="'POST', '/zones', body={}").replace("cloudflare.", "guarded.")
    code = code.replace("Cloudflare", "Guarded")
    async with open_code_mode(**options) as code_mode:
        _, status, _, message = (await code_mode.execute(code)).value
        async with open_code_mode(**options, rules=Rules.parse(deny=["addZone"])) as other:
            refused = (await other.execute(code)).value
    assert status == 403
    assert "POST /zones needs a token with one of these permissions: Zone Write, Zone" in message
    assert refused[:3] == [True, None, "rule"]
    assert api.writes == [("POST", "/zones")]
