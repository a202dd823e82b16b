"""Large results through real clients, real servers and the shell: kept, read again, and private."""

import json
import os
import re
import subprocess
import sys
from contextlib import asynccontextmanager

import anyio
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 120
ALICE, BOB = "token-of-alice", "token-of-bob-1"
LARGE = "return [{'n': n, 'text': 'word ' * 10} for n in range(2000)]"
OPTIONS = ("--workers", "1", "--max-tokens", "1000", "--base-url", "http://127.0.0.1:9")


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log.sqlite3"


@pytest.fixture(scope="module")
def http_url(tmp_path_factory):
    log = tmp_path_factory.mktemp("log") / "log.sqlite3"
    command = [sys.executable, "-m", "pymode", "serve", "--http", "127.0.0.1:0", "--log", str(log)]
    process = subprocess.Popen([*command, *OPTIONS], stderr=subprocess.PIPE, env=environment())
    with process:
        try:
            line = next(line for line in process.stderr if b"http://" in line)
            yield line.decode().rpartition(" ")[2].strip()
        finally:
            process.terminate()


def environment(token=None):
    own = ("CLOUDFLARE_", "PYMODE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return kept | ({"CLOUDFLARE_API_TOKEN": token} if token else {})


@asynccontextmanager
async def connected_http(url, era, token):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False, timeout=PATIENCE_SECONDS) as http,
        Client(streamable_http_client(url, http_client=http), mode=era) as client,
    ):
        yield client


def name_in(text):
    return re.findall(r'results\["(r_[a-z2-7]{16})"\]', json.loads(text)["truncated"])


async def call(client, tool, code):
    result = await client.call_tool(tool, {"code": code})
    return result.content[0].text, result.is_error


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_over_http_a_result_belongs_to_the_token_that_made_it(http_url, era):
    with anyio.fail_after(PATIENCE_SECONDS):
        async with (
            connected_http(http_url, era, f"{ALICE}-{era}") as alice,
            connected_http(http_url, era, f"{BOB}-{era}") as bob,
            connected_http(http_url, era, None) as nobody,
        ):
            text, _ = await call(alice, "search", LARGE)
            [name] = name_in(text)
            uri = f"pymode://results/{name}"
            read = f"return results['{name}'][1999]['n']"
            for tool in ("search", "execute"):
                assert await call(alice, tool, read) == ("1999", False)
                for other in (bob, nobody):
                    text, is_error = await call(other, tool, read)
                    assert is_error
                    assert "KeyError" in text

            listed = (await alice.list_resources()).resources
            assert [resource.uri for resource in listed] == [uri]
            assert listed[0].mime_type == "application/json"
            content = (await alice.read_resource(uri)).contents[0]
            assert len(content.text.encode()) == listed[0].size
            assert json.loads(content.text)[1999]["n"] == 1999
            for other in (bob, nobody):
                assert (await other.list_resources()).resources == []
                with pytest.raises(MCPError, match="there is no resource"):
                    await other.read_resource(uri)


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_over_http_without_a_token_nothing_is_kept(http_url, era):
    """Those without a token cannot be told from each other."""
    with anyio.fail_after(PATIENCE_SECONDS):
        async with connected_http(http_url, era, None) as nobody:
            text, is_error = await call(nobody, "search", LARGE)
            assert not is_error
            assert name_in(text) == []


@pytest.mark.parametrize(
    "uri", ["pymode://results/", "pymode://results/r_%2e", "file:///etc/passwd"]
)
async def test_a_resource_that_is_none_is_an_error(http_url, uri):
    with anyio.fail_after(PATIENCE_SECONDS):
        async with connected_http(http_url, "auto", ALICE) as client:
            with pytest.raises(MCPError, match="there is no resource"):
                await client.read_resource(uri)
            [template] = (await client.list_resource_templates()).resource_templates
            assert template.uri_template == "pymode://results/{name}"


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_a_result_of_the_shell_is_read_over_stdio_and_the_other_way_round(log, era):
    """They share the database, the token and the server."""
    options = (*OPTIONS, "--log", str(log))
    [made] = name_in(run_shell("search", LARGE, *options))
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "pymode", "serve", *options], env=environment(ALICE)
    )
    with anyio.fail_after(PATIENCE_SECONDS):
        async with Client(server, mode=era) as client:
            assert await call(client, "search", f"return results['{made}'][7]['n']") == ("7", False)
            [name] = name_in((await call(client, "execute", LARGE))[0])
            assert len((await client.list_resources()).resources) == 2
    assert run_shell("execute", f"return results['{name}'][8]['n']", *options) == "8\n"
    other = run_shell("search", f"return results.get('{name}')", *options, token=BOB)
    assert other == "null\n"


def test_the_shell_without_a_log_names_nothing(log):
    assert name_in(run_shell("search", LARGE, *OPTIONS, "--no-log")) == []
    assert not log.exists()


def run_shell(command, code, *options, token=ALICE):
    done = subprocess.run(
        [sys.executable, "-m", "pymode", command, *options, code],
        env=environment(token),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    return done.stdout.decode()
