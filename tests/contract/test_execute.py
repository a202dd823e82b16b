"""What execute promises to the code: `account_id`, requests at once, every kind of answer."""

from __future__ import annotations

import pytest
from simulated_api import API, Open

from pymode.codemode import CodeMode
from pymode.errors import CodeRaised, CodeRejected, LimitExceeded
from pymode.limits import Limits

pytestmark = pytest.mark.anyio

ZONE_NAMES = (
    "return [zone['name'] for zone in (await cloudflare.request('GET', '/zones'))['result']]"
)


async def test_twenty_requests_are_on_the_way_at_once(cloudflare: CodeMode, api: API) -> None:
    """They all wait in the server together, which counts them."""
    code = """
import asyncio
async def main():
    slow = [
        cloudflare.request("GET", "/simulator/slow", {"seconds": 0.5}) for _ in range(20)
    ]
    return [answer["result"]["seconds"] for answer in await asyncio.gather(*slow)]
"""
    result = await cloudflare.execute(code)
    assert result.value == [0.5] * 20
    assert api.most_in_flight == 20
    assert len(result.requests) == 20


async def test_the_twenty_first_request_waits_for_its_turn(cloudflare: CodeMode, api: API) -> None:
    """Forty in one gather need no semaphore: none is lost, and never are there more than 20."""
    code = """
import asyncio
async def one(i):
    answer = await cloudflare.request("GET", f"/simulator/slow?seconds=0.2&i={i}")
    return answer["result"]["seconds"]
return await asyncio.gather(*(one(i) for i in range(40)))
"""
    result = await cloudflare.execute(code)
    assert result.value == [0.2] * 40
    assert api.most_in_flight == 20
    assert len({path for _, path in api.requests}) == 40


async def test_a_task_group_with_a_semaphore_keeps_to_it(cloudflare: CodeMode, api: API) -> None:
    code = """
import asyncio
turns = asyncio.Semaphore(3)
async def one():
    async with turns:
        await cloudflare.request("GET", "/simulator/slow", query={"seconds": 0.05})
async with asyncio.TaskGroup() as group:
    for _ in range(12):
        group.create_task(one())
return "done"
"""
    assert (await cloudflare.execute(code)).value == "done"
    assert api.most_in_flight == 3
    assert len(api.requests) == 12


async def test_a_time_limit_of_the_code_ends_a_request(cloudflare: CodeMode, api: API) -> None:
    """The code goes on, and a late answer to the request disturbs nothing."""
    code = """
import asyncio
try:
    async with asyncio.timeout(0.05):
        await cloudflare.request("GET", "/simulator/slow", {"seconds": 0.3})
except TimeoutError:
    return (await cloudflare.request("GET", "/user"))["result"]["email"]
"""
    assert (await cloudflare.execute(code)).value == "user@example.com"


@pytest.mark.parametrize(
    "call",
    [
        "'GET', '/simulator/echo', {'a': 1}",
        "{'method': 'GET', 'path': '/simulator/echo', 'query': {'a': 1}}",
        "method='get', path='simulator/echo', query='a=1'",
        "'GET', path='/simulator/echo?a=1'",
        "'GET', '/client/v4/simulator/echo?a=1'",
    ],
)
async def test_request_takes_positions_keywords_and_one_dict(
    cloudflare: CodeMode, call: str
) -> None:
    result = await cloudflare.execute(f"return (await cloudflare.request({call}))['result']")
    assert result.value["path"] == "/client/v4/simulator/echo"
    assert result.value["query"] == [["a", "1"]]


async def test_query_values_are_written_as_an_api_expects_them(cloudflare: CodeMode) -> None:
    """Booleans in lower case, None left out, lists repeated, everything encoded once."""
    code = """
query = {"on": True, "off": False, "none": None, "n": 1.5, "many": ["a", "b"], "text": "ä &=%2F+"}
return (await cloudflare.request("GET", "/simulator/echo", query=query))["result"]["query"]
"""
    expected = [["on", "true"], ["off", "false"], ["n", "1.5"], ["many", "a"], ["many", "b"]]
    assert (await cloudflare.execute(code)).value == [*expected, ["text", "ä &=%2F+"]]


@pytest.mark.parametrize(
    ("name", "kind", "start"),
    [
        ("text", "str", "plain text, not JSON: ä €"),
        ("binary", "bytes", ""),
        ("no-content", "NoneType", ""),
        ("status/200", "dict", ""),
    ],
)
async def test_an_answer_is_json_text_bytes_or_nothing(
    cloudflare: CodeMode, name: str, kind: str, start: str
) -> None:
    code = f"""
answer = await cloudflare.request("GET", "/simulator/{name}")
result = answer["result"]
shown = result if isinstance(result, str) else ""
png = isinstance(result, bytes) and result[1:4] == b"PNG"
return [type(result).__name__, answer["success"], answer["errors"], shown.strip(), png]
"""
    value = (await cloudflare.execute(code)).value
    assert value == [kind, True, [], start, kind == "bytes"]


async def test_a_wide_answer_full_of_brackets_is_not_taken_for_a_deep_one(
    cloudflare: CodeMode,
) -> None:
    code = """
body = {"text": "[{" * 3000 + '"', "wide": [[{}]] * 3000}
answer = await cloudflare.request("POST", "/simulator/echo", body=body)
return answer["success"]
"""
    assert (await cloudflare.execute(code)).value is True


async def test_an_envelope_keeps_its_status_and_pages(cloudflare: CodeMode) -> None:
    code = "return await cloudflare.request('GET', '/zones', {'per_page': 5})"
    answer = (await cloudflare.execute(code)).value
    assert answer["status"] == 200
    assert answer["success"] is True
    assert len(answer["result"]) == answer["result_info"]["count"] == 5
    assert answer["result_info"]["total_pages"] == 2


async def test_an_error_of_the_api_can_be_caught(cloudflare: CodeMode) -> None:
    code = """
try:
    await cloudflare.request("GET", "/zones/" + "0" * 32)
except CloudflareError as error:
    return [error.status, error.errors, error.ray_id[-4:], str(error)]
"""
    status, errors, ray, text = (await cloudflare.execute(code)).value
    assert status == 404
    assert errors == [{"code": 1001, "message": "Invalid zone identifier"}]
    assert ray == "-SIM"
    assert text.startswith(f"404 GET /zones/{'0' * 32}: 1001 Invalid zone identifier (ray ")


async def test_an_error_of_the_api_that_is_not_caught_names_request_and_line(
    cloudflare: CodeMode,
) -> None:
    code = """
async def main():
    print("asking")
    await cloudflare.request("POST", "/zones", body={})
"""
    with pytest.raises(CodeRaised) as caught:
        await cloudflare.execute(code)
    # What was sent is in the first line already, so it is not said again.
    first, *frames = str(caught.value).splitlines()
    assert first.startswith("CloudflareError: 400 POST /zones: ")
    assert frames == ['  line 4, in main: await cloudflare.request("POST", "/zones", body={})']
    assert caught.value.logs == "asking\n"


@pytest.mark.parametrize("status", [400, 403, 404, 409, 418, 429, 500, 503])
async def test_every_error_status_raises(cloudflare: CodeMode, status: int) -> None:
    code = f"""
try:
    await cloudflare.request("GET", "/simulator/status/{status}")
except CloudflareError as error:
    return [error.status, error.errors[0]["message"], error.retry_after]
"""
    seconds = 1 if status in (429, 503) else None
    result = await cloudflare.execute(code)
    assert result.value == [status, f"Simulated error {status}", seconds]


GRAPHQL = """
async def ask(query):
    answer = await cloudflare.request("POST", "/graphql", body={"query": query})
    return answer
zones = (await cloudflare.request("GET", "/zones"))["result"]
free = next(zone["id"] for zone in zones if zone["plan"]["name"] == "Free Website")
day = "httpRequests1dGroups(limit: 1, filter: {date_geq: \\"2025-12-01\\"}) { sum { requests } }"
plan_lacks = "firewallEventsAdaptiveGroups(limit: 1) { count }"
def select(*datasets):
    return f'{{ viewer {{ zones(filter: {{zoneTag: "{free}"}}) {{ {" ".join(datasets)} }} }} }}'
"""


async def test_graphql_gives_its_data(cloudflare: CodeMode) -> None:
    code = GRAPHQL + "return await ask(select(day))"
    answer = (await cloudflare.execute(code)).value
    assert answer["success"] is True
    assert answer["result"]["viewer"]["zones"][0]["httpRequests1dGroups"][0]["sum"]["requests"] > 0


async def test_graphql_gives_data_beside_errors(cloudflare: CodeMode) -> None:
    code = GRAPHQL + "return await ask(select(day, plan_lacks))"
    answer = (await cloudflare.execute(code)).value
    assert answer["success"] is False
    assert "does not have access" in answer["errors"][0]["message"]
    zone = answer["result"]["viewer"]["zones"][0]
    assert zone["httpRequests1dGroups"]
    assert zone["firewallEventsAdaptiveGroups"] is None


async def test_graphql_errors_without_data_raise(cloudflare: CodeMode) -> None:
    with pytest.raises(CodeRaised, match="CloudflareError: 200 POST /graphql: "):
        await cloudflare.execute(GRAPHQL + "return await ask('{ nonsense }')")


async def test_a_worker_script_is_uploaded_and_read_back(cloudflare: CodeMode) -> None:
    """Multipart in httpx's form; the answer to the download is text."""
    code = """
import json
async def main():
    path = f"/accounts/{account_id}/workers/scripts/uploaded"
    source = "export default { fetch() { return new Response('ä') } }"
    metadata = {"main_module": "index.js", "compatibility_date": "2026-01-01"}
    files = {
        "metadata": (None, json.dumps(metadata), "application/json"),
        "index.js": ("index.js", source, "application/javascript+module"),
    }
    put = await cloudflare.request("PUT", path, files=files)
    got = await cloudflare.request("GET", path)
    settings = await cloudflare.request("GET", path + "/settings")
    deleted = await cloudflare.request("DELETE", path)
    return [put["result"]["id"], got["result"] == source,
            settings["result"]["compatibility_date"], deleted["result"]]
"""
    assert (await cloudflare.execute(code)).value == ["uploaded", True, "2026-01-01", None]


async def test_bytes_go_out_and_come_back_as_they_were(cloudflare: CodeMode) -> None:
    code = """
base = f"/accounts/{account_id}/storage/kv/namespaces"
namespace = (await cloudflare.request("POST", base, body={"title": "bytes"}))["result"]["id"]
value = f"{base}/{namespace}/values/a%2Fb"
data = bytes(range(256))
await cloudflare.request("PUT", value, body=data, content_type="application/octet-stream")
back = (await cloudflare.request("GET", value))["result"]
keys = (await cloudflare.request("GET", f"{base}/{namespace}/keys"))["result"]
return [back == data, [key["name"] for key in keys]]
"""
    assert (await cloudflare.execute(code)).value == [True, ["a/b"]]


async def test_account_id_is_that_of_the_constructor(open_code_mode: Open, api: API) -> None:
    async with open_code_mode(account_id="of-the-constructor") as code_mode:
        assert (await code_mode.execute("return account_id")).value == "of-the-constructor"
        result = await code_mode.execute("return account_id", account_id="of-the-call")
        assert result.value == "of-the-call"
    assert api.requests == []


async def test_account_id_is_found_where_there_is_one_and_asked_for_once(
    open_code_mode: Open, api: API
) -> None:
    async with open_code_mode() as code_mode:
        first = await code_mode.execute("return account_id")
        second = await code_mode.execute("return account_id")
    assert len(first.value) == 32
    assert second.value == first.value
    assert [path.partition("?")[0] for _, path in api.requests] == ["/accounts"]
    assert [one.path for one in first.requests] == ["/accounts"]
    assert second.requests == ()


async def test_account_id_is_not_asked_for_by_code_that_does_not_read_it(
    open_code_mode: Open, api: API
) -> None:
    async with open_code_mode() as code_mode:
        await code_mode.execute(ZONE_NAMES)
    assert [path for _, path in api.requests] == ["/zones"]


async def test_several_accounts_are_listed(open_code_mode: Open, api: API) -> None:
    """The error says which there are and how to choose; a chosen one is taken."""
    async with open_code_mode(token="simulated-two-accounts") as code_mode:
        with pytest.raises(CodeRaised) as caught:
            await code_mode.execute("return account_id")
        message = str(caught.value)
        assert "the token sees 2 accounts; pass the account_id argument" in message
        assert "Example Account (" in message
        assert "Second Account (" in message
        chosen = message.partition("Second Account (")[2][:32]
        code = "return (await cloudflare.request('GET', f'/accounts/{account_id}'))['result']"
        assert (await code_mode.execute(code, account_id=chosen)).value["name"] == "Second Account"


async def test_the_account_of_one_token_is_not_that_of_another(open_code_mode: Open) -> None:
    async with open_code_mode() as code_mode:
        await code_mode.execute("return account_id")
        with pytest.raises(CodeRaised, match="the token sees 2 accounts"):
            await code_mode.execute("return account_id", token="simulated-two-accounts")


async def test_no_token_is_an_error_that_names_the_variable(open_code_mode: Open) -> None:
    async with open_code_mode(token=None) as code_mode:
        for code in (ZONE_NAMES, "return account_id"):
            with pytest.raises(CodeRaised, match=r"no token was sent[:;] set CLOUDFLARE_API_TOKEN"):
                await code_mode.execute(code)


async def test_requests_are_recorded_in_the_order_in_which_they_end(cloudflare: CodeMode) -> None:
    code = """
import asyncio
await asyncio.gather(
    cloudflare.request("GET", "/simulator/slow", {"seconds": 0.3}),
    cloudflare.request("PUT", "/simulator/echo/x?secret=1"),
    cloudflare.request("GET", "/simulator/status/404"),
    return_exceptions=True,
)
return None
"""
    requests = (await cloudflare.execute(code)).requests
    seen = {(one.method, one.path, one.status) for one in requests}
    assert seen == {
        ("PUT", "/simulator/echo/x", 200),
        ("GET", "/simulator/status/404", 404),
        ("GET", "/simulator/slow", 200),
    }
    assert requests[-1].path == "/simulator/slow"
    assert all(one.seconds > 0 for one in requests)


async def test_more_requests_than_allowed_are_an_error(open_code_mode: Open, api: API) -> None:
    async with open_code_mode(limits=Limits(host_calls=3)) as code_mode:
        with pytest.raises(LimitExceeded, match="more than 3 requests") as caught:
            await code_mode.execute(
                "for _ in range(9):\n"
                "    print((await cloudflare.request('GET', '/zones'))['status'])"
            )
    assert caught.value.limit == "host_calls"
    assert caught.value.logs == "200\n" * 3
    assert len(api.requests) == 3


async def test_execute_has_the_spec_as_well(cloudflare: CodeMode) -> None:
    code = "return '/zones' in spec['paths'] and callable(cloudflare.request)"
    assert (await cloudflare.execute(code)).value is True


async def test_a_module_of_the_name_of_the_api_need_not_be_imported(cloudflare: CodeMode) -> None:
    with pytest.raises(CodeRejected, match="`cloudflare` is already in scope; remove this line"):
        await cloudflare.execute("import cloudflare\nreturn 1")
