import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import asynccontextmanager

import anyio
import httpx2
import pytest
from fakes import FakeCodeMode
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from paths import TESTS
from pydantic import SecretStr
from tokenizer import count

from pymode.answers.prompts import Facts, describe_tools
from pymode.errors import ConfigError, ImageError
from pymode.http.address import ListenAddress
from pymode.limits import Limits
from pymode.server import make_server
from pymode.server.listening import guard

pytestmark = pytest.mark.anyio

ERAS = ("auto", "legacy")
SERVE_FAKE = str(TESTS / "support" / "serve_fake.py")
PATIENCE_SECONDS = 20


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(params=ERAS)
def era(request):
    """The protocol of today, and that of clients which still shake hands."""
    return request.param


def serve(code_mode, **options):
    return make_server(code_mode, **options)


def text_of(result):
    return "\n".join(block.text for block in result.content)


# Tools


async def test_there_are_exactly_two_tools_with_true_annotations(era):
    async with Client(serve(FakeCodeMode()), mode=era) as client:
        search, execute = (await client.list_tools()).tools
    assert [search.name, execute.name] == ["search", "execute"]
    assert (search.annotations.read_only_hint, search.annotations.open_world_hint) == (True, False)
    assert execute.annotations.read_only_hint is False
    assert execute.annotations.destructive_hint is True
    assert execute.annotations.open_world_hint is True
    assert [search.description, execute.description] == [
        prompt.description
        for prompt in describe_tools([Facts("cloudflare", "api")], Limits(), 6_000)
    ]


async def test_the_whole_listing_with_its_annotations_costs_at_most_500_tokens():
    async with Client(serve(FakeCodeMode())) as client:
        tools = (await client.list_tools()).tools
    listed = [tool.model_dump(by_alias=True, exclude_none=True) for tool in tools]
    assert count(json.dumps(listed, ensure_ascii=False, separators=(",", ":"))) <= 500


async def test_a_call_returns_the_value_once_as_compact_json(era):
    async with Client(serve(FakeCodeMode()), mode=era) as client:
        result = await client.call_tool("search", {"code": "echo"})
    assert not result.is_error
    assert result.structured_content is None
    assert [block.text for block in result.content] == ['{"code":"echo","tool":"search"}']


async def test_execute_gets_the_token_and_the_account(era):
    code_mode = FakeCodeMode()
    server = serve(code_mode, token=SecretStr("token-of-the-process"), account_id="023e")
    async with Client(server, mode=era) as client:
        default = json.loads(text_of(await client.call_tool("execute", {"code": "echo"})))
        chosen = await client.call_tool("execute", {"code": "echo", "account_id": "9a7b"})
    assert (default["token"], default["account_id"]) == ("token-of-the-process", "023e")
    assert json.loads(text_of(chosen))["account_id"] == "9a7b"


async def test_prints_and_notes_follow_the_value_in_a_block_of_their_own():
    async with Client(serve(FakeCodeMode())) as client:
        result = await client.call_tool("search", {"code": "print"})
    assert [block.text for block in result.content] == [
        '"ok"',
        "note: NaN became null\nprinted:\nhello",
    ]


async def test_an_error_of_the_code_is_an_error_with_what_was_printed(era):
    async with Client(serve(FakeCodeMode(), token=SecretStr("token")), mode=era) as client:
        result = await client.call_tool("execute", {"code": "raise"})
    assert result.is_error
    expected = "CloudflareError: 403 no token\nprinted so far:\nbefore it failed"
    assert text_of(result) == expected


async def test_an_api_error_without_a_token_says_where_to_put_it():
    async with Client(serve(FakeCodeMode())) as client:
        result = await client.call_tool("execute", {"code": "raise"})
    assert "The server has no API token: set its CLOUDFLARE_API_TOKEN." in text_of(result)


async def test_what_went_wrong_inside_stays_inside(caplog):
    async with Client(serve(FakeCodeMode())) as client:
        result = await client.call_tool("search", {"code": "crash"})
    assert result.is_error
    assert "secret" not in text_of(result)
    assert "secret inside" in caplog.text


@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        ("search", {}, "search needs the argument code, a string with an async Python function"),
        ("search", {"code": 1}, "code must be a string, not int"),
        ("search", {"code": "echo", "account_id": "1"}, "search has no argument 'account_id'"),
        ("execute", {"code": "echo", "account_id": 1}, "account_id must be a string, not int"),
        ("execute", {"code": "echo", "timeout": 1}, "it takes code and account_id"),
    ],
)
async def test_bad_arguments_are_told_in_a_sentence(tool, arguments, message):
    async with Client(serve(FakeCodeMode())) as client:
        result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert message in text_of(result)


async def test_a_null_argument_counts_as_absent():
    async with Client(serve(FakeCodeMode(), account_id="023e")) as client:
        result = await client.call_tool("execute", {"code": "echo", "account_id": None})
    assert json.loads(text_of(result))["account_id"] == "023e"


async def test_an_unknown_tool_is_a_protocol_error(era):
    async with Client(serve(FakeCodeMode()), mode=era) as client:
        with pytest.raises(MCPError, match="the tools are search and execute"):
            await client.call_tool("delete", {"code": "echo"})


async def test_a_large_value_and_large_prints_share_one_budget():
    code_mode = FakeCodeMode(value=["word " * 20] * 500)
    async with Client(serve(code_mode, max_tokens=400)) as client:
        result = await client.call_tool("search", {"code": "print"})
    value, printed = result.content
    json.loads(value.text)
    assert printed.text.endswith("hello")
    assert len(value.text) + len(printed.text) < 400 * 6


# Preparation


async def test_tools_are_listed_while_the_image_is_built_and_the_first_call_sees_how_far(era):
    code_mode = FakeCodeMode()
    code_mode.build_may_go_on.clear()
    seen = []

    async def on_progress(fraction, total, message):
        seen.append((fraction, total, message))
        code_mode.build_may_go_on.set()

    async with Client(serve(code_mode), mode=era) as client:
        assert len((await client.list_tools()).tools) == 2
        call = client.call_tool("search", {"code": "ok"}, progress_callback=on_progress)
        with anyio.fail_after(PATIENCE_SECONDS):
            assert text_of(await call) == '"ok"'
    assert seen[0] == (0.25, 1.0, "building the image")
    assert [fraction for fraction, _, _ in seen] == sorted({fraction for fraction, _, _ in seen})
    assert code_mode.prepared == 1


async def test_a_failed_preparation_is_told_and_tried_again_on_the_next_call():
    code_mode = FakeCodeMode(prepares=[ImageError("the disk is full"), ImageError("still full")])
    code_mode.build_may_go_on.clear()
    async with Client(serve(code_mode)) as client:
        asyncio.get_running_loop().call_soon(code_mode.build_may_go_on.set)
        first = await client.call_tool("search", {"code": "ok"})
        second = await client.call_tool("search", {"code": "ok"})
        third = await client.call_tool("search", {"code": "ok"})
    assert (first.is_error, text_of(first)) == (True, "the disk is full")
    assert (second.is_error, text_of(second)) == (True, "still full")
    assert (third.is_error, text_of(third)) == (False, '"ok"')


async def test_a_cancelled_call_does_not_cancel_the_build_that_others_wait_for():
    code_mode = FakeCodeMode()
    code_mode.build_may_go_on.clear()
    async with Client(serve(code_mode)) as client:
        with anyio.move_on_after(0.05):
            await client.call_tool("search", {"code": "ok"})
        code_mode.build_may_go_on.set()
        assert text_of(await client.call_tool("search", {"code": "ok"})) == '"ok"'
    assert code_mode.prepared == 1


async def test_the_code_mode_is_left_when_the_server_ends(era):
    code_mode = FakeCodeMode()
    async with Client(serve(code_mode), mode=era) as client:
        await client.list_tools()
    assert (code_mode.entered, code_mode.left) == (1, 1)


# Cancellation


async def test_a_cancelled_call_stops_the_guest_with_its_clean_up(era):
    code_mode = FakeCodeMode()
    async with Client(serve(code_mode), mode=era) as client, anyio.create_task_group() as calls:
        calls.start_soon(client.call_tool, "search", {"code": "wait"})
        with anyio.fail_after(PATIENCE_SECONDS):
            await code_mode.waiting.wait()
            calls.cancel_scope.cancel()
    assert code_mode.stopped.is_set()


# Transports, each as a separate process


class Lines:
    """The lines that a process writes to a file descriptor."""

    def __init__(self, reader):
        self._reader = reader
        self.seen = []

    async def until(self, word):
        with anyio.fail_after(PATIENCE_SECONDS):
            while line := (await self._reader.readline()).decode():
                self.seen.append(line.rstrip("\n"))
                if word in line:
                    return line.rstrip("\n")
        raise AssertionError(f"ended without {word}: {self.seen}")


@asynccontextmanager
async def running_http(*options):
    process = await asyncio.create_subprocess_exec(
        sys.executable, SERVE_FAKE, "http", *options, stderr=asyncio.subprocess.PIPE
    )
    try:
        lines = Lines(process.stderr)
        url = await lines.until("http://127.0.0.1:")
        yield url, lines, process
    finally:
        if process.returncode is None:
            process.terminate()
        with anyio.fail_after(PATIENCE_SECONDS, shield=True):
            await process.communicate()


@pytest.fixture(scope="module")
def shared_url():
    """One server for the tests that leave no trace in it."""
    process = subprocess.Popen([sys.executable, SERVE_FAKE, "http"], stderr=subprocess.PIPE)
    with process:
        try:
            yield next(line for line in process.stderr if b"http://" in line).decode().strip()
        finally:
            process.terminate()


@asynccontextmanager
async def connected_http(url, era, **headers):
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http), mode=era) as client,
    ):
        yield client


async def test_over_http_a_call_has_the_bearer_of_its_own_request_and_no_other(era, shared_url):
    for headers, token in (
        ({"Authorization": "Bearer first"}, "first"),
        ({"Authorization": "bearer  second"}, "second"),
        ({}, None),
    ):
        async with connected_http(shared_url, era, **headers) as client:
            result = await client.call_tool("execute", {"code": "echo"})
            assert json.loads(text_of(result))["token"] == token


async def test_over_http_two_calls_of_one_session_have_each_its_own_bearer(era, shared_url):
    """Nothing of an earlier request is kept, although older clients keep a session."""
    async with (
        httpx2.AsyncClient(trust_env=False) as http,
        Client(streamable_http_client(shared_url, http_client=http), mode=era) as client,
    ):
        for token in ("first", "second"):
            http.headers["Authorization"] = f"Bearer {token}"
            result = await client.call_tool("execute", {"code": "echo"})
            assert json.loads(text_of(result))["token"] == token
        del http.headers["Authorization"]
        result = await client.call_tool("execute", {"code": "raise"})
        assert "The request carried no API token" in text_of(result)


async def test_over_http_another_scheme_than_bearer_is_an_error(era, shared_url):
    async with (
        connected_http(shared_url, era, Authorization="Basic c2VjcmV0") as client,
    ):
        result = await client.call_tool("execute", {"code": "echo"})
    assert result.is_error
    assert "Authorization header must be: Bearer" in text_of(result)
    assert "c2VjcmV0" not in text_of(result)


async def test_over_http_a_cancelled_call_stops_the_guest(era):
    async with (
        running_http() as (url, lines, _),
        connected_http(url, era) as client,
        anyio.create_task_group() as calls,
    ):
        calls.start_soon(client.call_tool, "search", {"code": "wait"})
        await lines.until("waiting")
        calls.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await lines.until("stopped")


async def test_over_http_the_first_call_sees_how_far_the_build_is(era):
    seen = []
    async with running_http("gated") as (url, _, process), connected_http(url, era) as client:

        async def on_progress(fraction, total, message):
            if not seen:
                process.send_signal(signal.SIGUSR1)
            seen.append((fraction, message))

        assert len((await client.list_tools()).tools) == 2
        with anyio.fail_after(PATIENCE_SECONDS):
            result = await client.call_tool("search", {"code": "ok"}, progress_callback=on_progress)
    assert text_of(result) == '"ok"'
    assert seen[0] == (0.25, "building the image")


def ping(**headers):
    body = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    headers = {"Accept": "application/json, text/event-stream"} | headers
    return {"json": body, "headers": headers}


async def test_over_http_foreign_hosts_and_origins_are_refused(shared_url):
    async with httpx2.AsyncClient(trust_env=False) as http:
        for version in ({}, {"MCP-Protocol-Version": "2026-07-28"}):
            for headers, status in (
                ({"Host": "evil.example"}, 421),
                ({"Host": "127.0.0.1.evil.example:80"}, 421),
                ({"Origin": "https://evil.example"}, 403),
                ({"Origin": "null"}, 403),
                ({"Origin": "http://localhost.evil.example"}, 403),
            ):
                response = await http.post(shared_url, **ping(**headers, **version))
                assert response.status_code == status, headers
            for headers in (
                {"Host": "localhost:9000"},
                {"Host": "mcp.example.com"},
                {"Origin": "https://mcp.example.com"},
                {"Origin": "http://localhost:6274"},
            ):
                response = await http.post(shared_url, **ping(**headers, **version))
                assert response.status_code not in (403, 421), headers


async def test_over_http_a_large_body_is_refused(shared_url):
    async with httpx2.AsyncClient(trust_env=False) as http:
        headers = {"Content-Type": "application/json"}
        declared = await http.post(shared_url, content=b" " * 3_000_000, headers=headers)

        async def chunks():
            for _ in range(3_000):
                yield b" " * 1_000

        streamed = await http.post(shared_url, content=chunks(), headers=headers)
    assert (declared.status_code, streamed.status_code) == (413, 413)


async def test_over_http_only_the_one_path_answers(shared_url):
    async with httpx2.AsyncClient(trust_env=False) as http:
        assert (await http.get(shared_url.removesuffix("/mcp"))).status_code == 404


async def test_over_http_a_signal_ends_the_server_and_its_code_mode():
    async with running_http() as (url, lines, process):
        async with connected_http(url, "legacy") as client:
            await client.list_tools()
            process.send_signal(signal.SIGTERM)
            with anyio.fail_after(PATIENCE_SECONDS):
                await lines.until("left")
                assert await process.wait() == -signal.SIGTERM
        assert not [line for line in lines.seen if "Traceback" in line]


@asynccontextmanager
async def connected_stdio(era):
    read_fd, write_fd = os.pipe()
    reader = asyncio.StreamReader()
    parameters = StdioServerParameters(
        command=sys.executable, args=[SERVE_FAKE, "stdio"], env=dict(os.environ)
    )
    with os.fdopen(read_fd, "rb") as readable, os.fdopen(write_fd, "wb") as writable:
        protocol = asyncio.StreamReaderProtocol(reader)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: protocol, readable)
        try:
            async with Client(stdio_client(parameters, errlog=writable), mode=era) as client:
                yield client, Lines(reader)
        finally:
            transport.close()


async def test_over_stdio_a_call_has_the_token_of_the_process(era):
    async with connected_stdio(era) as (client, _):
        result = await client.call_tool("execute", {"code": "echo"})
    assert json.loads(text_of(result))["token"] == "token-of-the-process"


async def test_over_stdio_half_a_surrogate_pair_does_not_end_the_connection(era):
    async with connected_stdio(era) as (client, _):
        assert "half ?" in text_of(await client.call_tool("search", {"code": "surrogate"}))
        assert text_of(await client.call_tool("search", {"code": "ok"})) == '"ok"'


async def test_over_stdio_a_cancelled_call_stops_the_guest(era):
    async with connected_stdio(era) as (client, lines), anyio.create_task_group() as calls:
        calls.start_soon(client.call_tool, "search", {"code": "wait"})
        await lines.until("waiting")
        calls.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await lines.until("stopped")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_over_stdio_a_signal_ends_the_server_although_it_waits_for_input(number):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, SERVE_FAKE, "stdio"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    request = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    process.stdin.write(json.dumps(request).encode() + b"\n")
    with anyio.fail_after(PATIENCE_SECONDS):
        assert json.loads(await process.stdout.readline())["id"] == 1
        process.send_signal(number)
        _, complaints = await process.communicate()
    assert process.returncode == 128 + number
    assert b"left" in complaints
    assert b"Traceback" not in complaints


# Whom to answer


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_every_interface_needs_the_names_that_clients_use(host):
    with pytest.raises(ConfigError, match="--allow-host"):
        guard(ListenAddress(host, 8000), [])
    assert (
        "mcp.example.com:*" in guard(ListenAddress(host, 8000), ["mcp.example.com"]).allowed_hosts
    )


@pytest.mark.parametrize("name", ["https://mcp.example.com", "*", "", "a b", "mcp.example.com/mcp"])
def test_an_allowed_host_must_be_a_host(name):
    with pytest.raises(ConfigError, match="--allow-host needs a host name"):
        guard(ListenAddress("127.0.0.1", 8000), [name])


def test_an_address_of_the_machine_is_a_name_for_itself():
    settings = guard(ListenAddress("192.0.2.7", 8000), [])
    assert "192.0.2.7:*" in settings.allowed_hosts


async def test_a_taken_port_is_told_to_the_operator():
    from pymode.server.listening import serve_http

    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = ListenAddress("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(ConfigError, match=r"cannot listen on 127\.0\.0\.1:"):
            await serve_http(serve(FakeCodeMode()), address, source_bytes=1, drain_seconds=1)
