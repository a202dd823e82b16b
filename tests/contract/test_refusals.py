"""Requests that are never sent, and answers that are broken or hostile: each a clear error."""

from __future__ import annotations

import json

import pytest
from simulated_api import API, Open

from pymode.codemode import CodeMode
from pymode.errors import CodeRaised, LimitExceeded
from pymode.limits import MIB, Limits

pytestmark = pytest.mark.anyio

CATCH = """
try:
    await cloudflare.request({arguments})
except CloudflareError as error:
    return [error.status, error.errors, str(error)]
return "sent"
"""


@pytest.mark.parametrize(
    "path",
    [
        "http://evil.test/zones",
        "https://127.0.0.1/zones",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "//evil.test/zones",
        "///evil.test",
        "/\\evil.test",
        "\\\\evil.test\\x",
        "/zones/../../user",
        "/zones/..",
        "/./zones",
        "/zones/%2e%2e/%2E%2e/user",
        "/zones/%252e%252e/user",
        "/zones/..%2f..%2fuser",
        "/zones/%5c..%5cuser",
        "/zones/..;/user",
        "/zones/\uff0e\uff0e/user",
        "/zones/\u2025/user",
        "@evil.test/zones",
        "/@evil.test",
        "/user:pass@evil.test",
        "/zones\r\nHost: evil.test",
        "/zones%0d%0aHost:%20evil.test",
        "/zones\0",
        "/zones\t",
        "/zones\u2028x",
        "/zones/{zone_id}",
        "/zones//dns_records",
        "/zones#fragment",
        "/zones/%ff",
        "/zones/%zz",
        "/" + "a" * 20_000,
    ],
)
async def test_a_path_that_could_leave_the_base_is_not_sent(
    cloudflare: CodeMode, api: API, path: str
) -> None:
    code = CATCH.format(arguments=f"'GET', {path!a}")
    result = await cloudflare.execute(code)
    status, errors, _ = result.value
    assert status is None
    assert errors[0]["code"] == "refused"
    assert errors[0]["message"]
    assert api.requests == []
    assert result.requests == ()


@pytest.mark.parametrize(
    "header",
    [
        *("Authorization", "authorization", "Host", "Cookie", "Content-Length", "Connection"),
        *("Transfer-Encoding", "Proxy-Authorization", "X-Forwarded-For", "X-Auth-Key"),
        *("X-Http-Method-Override", "X_Auth_Email", "a b", "a\r\nHost", ""),
    ],
)
async def test_a_header_that_is_the_hosts_to_set_is_not_sent(
    cloudflare: CodeMode, api: API, header: str
) -> None:
    arguments = f"'GET', '/simulator/echo', headers={{{header!r}: 'x'}}"
    status, errors, text = (await cloudflare.execute(CATCH.format(arguments=arguments))).value
    assert status is None
    assert errors[0]["code"] == "refused"
    assert "header" in text
    assert api.requests == []


@pytest.mark.parametrize(
    "arguments",
    [
        "'TRACE', '/zones'",
        "'GET /x HTTP/1.1', '/zones'",
        "'GET', '/zones', headers={'x': 'a\\r\\nb: c'}",
        "'POST', '/zones', body='x', content_type='a\\r\\nb: c'",
    ],
)
async def test_what_would_break_the_request_is_not_sent(
    cloudflare: CodeMode, api: API, arguments: str
) -> None:
    status, errors, _ = (await cloudflare.execute(CATCH.format(arguments=arguments))).value
    assert status is None
    assert errors[0]["code"] == "refused"
    assert api.requests == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("'GET'", "missing path"),
        ("'GET', '/zones', limit=1", "unknown argument 'limit'"),
        ("'GET', '/zones', qs={'a': 1}", "unknown argument 'qs'"),
        ("'GET', '/zones', path='/zones'", "argument 'path' is given twice"),
        ("'GET', '/zones', {'a': {'b': 1}}", "query value 'a' must be text"),
        ("'POST', '/zones', body={'a': object()}", "object cannot be sent as JSON"),
        ("'POST', '/zones', body={'a': float('nan')}", "it holds NaN or Infinity"),
        ("'PUT', '/zones', files={'a': 1}", "file 'a' must hold text or bytes"),
        ("1, 2", "method and path must be strings"),
    ],
)
async def test_wrong_arguments_are_errors_of_the_code(
    cloudflare: CodeMode, api: API, arguments: str, message: str
) -> None:
    with pytest.raises(CodeRaised) as caught:
        await cloudflare.execute(f"return await cloudflare.request({arguments})")
    assert message in str(caught.value)
    assert "line 1: return await cloudflare.request(" in str(caught.value)
    assert api.requests == []


@pytest.mark.parametrize("to", ["/client/v4/user", "http://127.0.0.1:1/", "//evil.test/"])
async def test_a_redirect_is_told_and_not_followed(cloudflare: CodeMode, api: API, to: str) -> None:
    arguments = f"'GET', '/simulator/redirect', query={{'to': {to!r}}}"
    status, _, text = (await cloudflare.execute(CATCH.format(arguments=arguments))).value
    assert status == 302
    assert f"redirect to {to}, which is not followed" in text
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("truncated-json", None, "the JSON of the answer does not parse"),
        ("deep-json?depth=100000", None, "the JSON of the answer is nested too deep"),
        ("reset", "broken", ""),
        ("gzip-bomb", "too_large", "larger than 1,048,576 bytes"),
        ("large?bytes=3000000", "too_large", "larger than 1,048,576 bytes"),
    ],
)
async def test_a_broken_answer_is_an_error_that_can_be_caught(
    open_code_mode: Open, name: str, code: str | None, words: str
) -> None:
    """The call goes on, and so does the next."""
    async with open_code_mode(limits=Limits(response_bytes=MIB)) as code_mode:
        caught = CATCH.format(arguments=f"'GET', '/simulator/{name}'")
        status, errors, text = (await code_mode.execute(caught)).value
        assert status == 200
        assert [error["code"] for error in errors] == ([code] if code else [])
        assert words in text
        again = "return (await cloudflare.request('GET', '/user'))['success']"
        assert (await code_mode.execute(again)).value is True


async def test_an_answer_that_is_not_utf_8_comes_as_bytes(cloudflare: CodeMode) -> None:
    code = """
result = (await cloudflare.request("GET", "/simulator/invalid-utf8"))["result"]
return [type(result).__name__, b"\\xff\\xfe" in result]
"""
    assert (await cloudflare.execute(code)).value == ["bytes", True]


@pytest.mark.parametrize("name", ["slow?seconds=30", "drip?bytes=600"])
async def test_an_answer_that_takes_too_long_ends_at_the_deadline(
    open_code_mode: Open, name: str
) -> None:
    """Neither silence nor one byte at a time keeps a call alive."""
    async with open_code_mode(limits=Limits(wall_seconds=0.5)) as code_mode:
        code = f"print('waiting')\nreturn await cloudflare.request('GET', '/simulator/{name}')"
        with pytest.raises(LimitExceeded, match=r"after 0\.5 seconds") as caught:
            await code_mode.execute(code)
        assert caught.value.limit == "wall_seconds"
        assert caught.value.logs == "waiting\n"


async def test_no_server_is_an_error_that_can_be_caught(open_code_mode: Open) -> None:
    async with open_code_mode(base_url="http://127.0.0.1:1/client/v4") as code_mode:
        status, errors, text = (
            await code_mode.execute(CATCH.format(arguments="'GET', '/zones'"))
        ).value
        assert status is None
        assert errors[0]["code"] == "connection"
        assert text.startswith("GET /zones: ")


async def test_the_token_does_not_come_back_in_an_answer(cloudflare: CodeMode) -> None:
    """The simulated API echoes the Authorization header."""
    code = "return await cloudflare.request('GET', '/simulator/echo')"
    answer = (await cloudflare.execute(code)).value
    assert "authorization" in answer["result"]["headers"]
    assert "simulated-token" not in json.dumps(answer)
