"""`pymode serve` in front of APIs and MCP servers: real processes, real clients."""

import json
import os
import subprocess
import sys
from contextlib import asynccontextmanager

import anyio
import httpx2
import pytest
from loopback import running, write_answer
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from paths import TESTS
from pydantic import SecretStr
from small_document import SMALL
from tokenizer import count

from pymode.apis.identity import find_missing
from pymode.cli.gateway import (
    check_address,
    read_account,
    read_apis,
    read_servers,
    read_tokens,
)
from pymode.cli.settings import read_settings
from pymode.errors import ConfigError
from pymode.http.address import ListenAddress

SERVERS = TESTS / "tools" / "servers"
PATIENCE_SECONDS = 180
OWN = ("PYMODE_", "CLOUDFLARE_", "RED_", "BLUE_", "UPSTREAM_")

SEE = """
return {
    "specs": {name: list(spec["paths"]) for name, spec in specs.items()},
    "tools": {name: sorted(found) for name, found in tools.items()},
}
"""
CALL_ALIKE = """
import asyncio
first, second = await asyncio.gather(one.count_starts(), two.count_starts())
return [first, second, await remote.count(steps=3)]
"""
BREAK = """
import asyncio

async def fail(call):
    try:
        async with asyncio.timeout(1):
            return await call
    except Exception as error:
        return type(error).__name__

return await asyncio.gather(
    fail(one.hang()), two.count_starts(), remote.count(steps=2), fail(one.crash())
), await two.count_starts(), await one.count_starts()
"""
ASK_BOTH = """
import asyncio
replies = await asyncio.gather(red.request("GET", "/items"), blue.request("GET", "/items"))
return [reply["status"] for reply in replies]
"""


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


def script(name, *arguments):
    return " ".join([sys.executable, str(SERVERS / f"{name}.py"), *map(str, arguments)])


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
    return kept | more


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two documents with one path each, and what the servers write."""
    folder = tmp_path_factory.mktemp("gateway")
    for name in ("red", "blue"):
        document = SMALL | {"info": {"title": name, "version": "1"}}
        (folder / f"{name}.json").write_text(json.dumps(document))
    return folder


@pytest.fixture(scope="module")
def upstream_url():
    command = [sys.executable, str(SERVERS / "over_http.py"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            port = process.stdout.readline().decode().strip()
            yield f"http://127.0.0.1:{port}/keys/secret-in-path/mcp"
        finally:
            process.terminate()


@pytest.fixture(scope="module")
async def apis(anyio_backend):
    answer = write_answer(b"[]", headers={"content-type": "application/json"})
    async with running(answer) as red, running(answer) as blue:
        yield {"red": red, "blue": blue}


@pytest.fixture(scope="module")
def documents(folder, apis):
    """The options for two APIs, with their image built."""
    options = []
    for name, api in apis.items():
        options += ["--spec", f"{name}={folder / name}.json", "--base-url", f"{name}={api.url}"]
    build = [sys.executable, "-m", "pymode", "build", *options]
    subprocess.run(build, env=environment(), check=True, timeout=2 * PATIENCE_SECONDS)
    return options


@pytest.fixture(scope="module")
def options(folder, documents, upstream_url):
    headers = {"X-Key": "${UPSTREAM_KEY}"}
    config = {"mcpServers": {"remote": {"type": "http", "url": upstream_url, "headers": headers}}}
    (folder / "mcp.json").write_text(json.dumps(config))
    return [
        *documents,
        *("--mcp", f"one={script('crashes', folder / 'one')}"),
        *("--mcp", f"two={script('crashes', folder / 'two')}"),
        *("--mcp-config", str(folder / "mcp.json"), "--workers", "1", "--no-log"),
    ]


TOKENS = {"RED_API_TOKEN": "red-of-the-process", "BLUE_API_TOKEN": "blue-of-the-process"}
KEY = {"UPSTREAM_KEY": "correct horse"}


@pytest.fixture(scope="module")
def http_url(options):
    command = [sys.executable, "-m", "pymode", "serve", "--http", "127.0.0.1:0", *options]
    env = environment(**TOKENS, **KEY)
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=env) as process:
        try:
            line = next(line for line in process.stderr if b"http://" in line)
            yield line.decode().rpartition(" ")[2].strip()
        finally:
            process.terminate()


@asynccontextmanager
async def over_http(http_url, options):
    headers = {"Red-API-Token": "red-of-the-caller", "Blue-API-Token": "blue-of-the-caller"}
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False, timeout=PATIENCE_SECONDS) as http,
        Client(streamable_http_client(http_url, http_client=http)) as client,
    ):
        yield client


@asynccontextmanager
async def over_stdio(http_url, options, **env):
    async with started(options, **(env or TOKENS | KEY)) as client:
        yield client


@asynccontextmanager
async def started(options, **env):
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "pymode", "serve", *options],
        env=environment(**env),
    )
    async with Client(server) as client:
        yield client


async def run(client, tool, code):
    result = await client.call_tool(tool, {"code": code})
    assert not result.is_error, result.content
    return json.loads(result.content[0].text)


@pytest.mark.anyio
@pytest.mark.parametrize("connect", [over_stdio, over_http])
async def test_a_client_sees_and_uses_all_that_is_behind_the_gateway(
    connect, http_url, options, apis
):
    with anyio.fail_after(PATIENCE_SECONDS):
        async with connect(http_url, options) as client:
            seen = await run(client, "search", SEE)
            assert seen["specs"]["red"] == seen["specs"]["blue"] == list(SMALL["paths"])
            assert seen["tools"]["one"] == seen["tools"]["two"] == ["count_starts", "crash", "hang"]
            assert "ask_together" in seen["tools"]["remote"]

            first, second, steps = await run(client, "execute", CALL_ALIKE)
            assert (set(first), set(second), steps) == ({"x"}, {"x"}, 3)

            (failed, starts, count_, crashed), after, again = await run(client, "execute", BREAK)
            assert crashed == "OneError"
            assert failed in ("OneError", "TimeoutError")
            # The other server ran on; the one that ended was started again.
            assert (starts, count_, after) == (second, 2, second)
            assert len(again) == len(first) + 1

            assert await run(client, "execute", ASK_BOTH) == [200, 200]
    whose = "process" if connect is over_stdio else "caller"
    for name, api in apis.items():
        assert api.received[-1].headers["authorization"] == f"Bearer {name}-of-the-{whose}"


@pytest.mark.anyio
async def test_over_http_the_process_lends_nobody_its_tokens(http_url, apis):
    with anyio.fail_after(PATIENCE_SECONDS):
        async with Client(http_url) as client:
            assert await run(client, "execute", ASK_BOTH) == [200, 200]
    for api in apis.values():
        assert "authorization" not in api.received[-1].headers


@pytest.mark.anyio
async def test_the_price_of_the_definitions_does_not_grow_with_the_tools(documents, tmp_path):
    """But for the digits of their number."""
    prices = []
    for server in (script("crashes", tmp_path / "starts"), script("many")):
        with anyio.fail_after(PATIENCE_SECONDS):
            async with started([*documents, "--mcp", f"upstream={server}", "--no-log"]) as client:
                # Numbers are given as far as they are known, and now all of them are.
                await client.call_tool("search", {"code": "return len(tools)"})
                tools = (await client.list_tools()).tools
        listed = [tool.model_dump(by_alias=True, exclude_none=True) for tool in tools]
        prices.append(count(json.dumps(listed, ensure_ascii=False)))
    assert "3,000 tools" in tools[0].description
    assert prices[1] - prices[0] <= len(["3", ",", "000"]) - len(["3"])


def test_upstream_servers_are_lent_to_this_machine_only():
    arguments = ["serve", "--mcp", "linear=https://mcp.example/key", "--allow-host", "x.example"]
    for address in ("0.0.0.0:0", "192.0.2.1:8000", "mcp.example.com:80", "[::]:0"):
        ended = subprocess.run(
            [sys.executable, "-m", "pymode", *arguments, "--http", address],
            env=environment(),
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
        assert ended.returncode == 2
        assert b"put an authenticating proxy in front" in ended.stderr
        assert b"key" not in ended.stderr


@pytest.mark.parametrize("address", ["127.0.0.1:0", "localhost:1", "[::1]:0", "127.9.9.9:1"])
def test_on_loopback_anything_may_be_served(address):
    check_address(ListenAddress.parse(address), {"linear": "https://mcp.example"})


def test_apis_without_upstream_servers_may_be_served_anywhere():
    check_address(ListenAddress.parse("0.0.0.0:0"), {})


def describe(settings):
    return [(api.name, api.spec, api.base_url) for api in read_apis(settings)]


def test_without_anything_there_is_cloudflare():
    assert describe(read_settings()) == [("cloudflare", "cloudflare", None)]


@pytest.mark.parametrize("given", [{"mcp": ["a=b"]}, {"mcp_config": "mcp.json"}])
def test_with_an_mcp_server_and_no_document_there_is_no_api(given):
    settings = read_settings(**given)
    assert read_apis(settings) == ()
    assert read_tokens(()) is None
    assert read_account(settings, ()) is None


def test_documents_have_names_and_urls_of_their_own():
    settings = read_settings(
        spec=["cloudflare", "hub=https://h.example/a?b=c", "https://stripe.com/openapi.json"],
        base_url=["hub=http://127.0.0.1:1/a"],
    )
    assert describe(settings) == [
        ("cloudflare", "cloudflare", None),
        ("hub", "https://h.example/a?b=c", "http://127.0.0.1:1/a"),
        ("stripe", "https://stripe.com/openapi.json", None),
    ]


def test_the_only_document_takes_plain_options():
    settings = read_settings(spec=["a/b.json"], name="x", base_url=["http://127.0.0.1:1"])
    assert describe(settings) == [("x", "a/b.json", "http://127.0.0.1:1")]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"spec": ["a.json", "b.json"], "name": "x"}, "--name is for a single document"),
        ({"spec": ["a=a.json"], "name": "x"}, "--name is for a single document"),
        ({"mcp": ["a=b"], "name": "x"}, "--name is for a single document"),
        ({"spec": ["a.json", "b/a.json"]}, "two documents are called 'a'"),
        ({"spec": ["a=x", "b=y"], "base_url": ["http://h"]}, "--base-url needs NAME=URL"),
        ({"spec": ["a=x"], "base_url": ["c=http://h"]}, "no API here \\(a\\)"),
        ({"spec": ["a=x"], "base_url": ["a=http://h", "http://h"]}, "twice for 'a'"),
        ({"spec": ["Git-Hub=x"]}, "must be a free Python name"),
        ({"spec": ["spec=x"]}, "must be a free Python name"),
    ],
)
def test_documents_that_cannot_be_told_apart_are_refused(given, reason):
    with pytest.raises(ConfigError, match=reason):
        read_apis(read_settings(**given))


def test_servers_come_from_options_and_from_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("PYMODE_MCP", "a=https://a.example/mcp?x=y\n\nb=npx -y b\n")
    config = tmp_path / "mcp.json"
    config.write_text(json.dumps({"mcpServers": {"c": {"command": "c"}}}))
    servers = read_servers(read_settings(mcp_config=str(config)))
    assert list(servers) == ["c", "a", "b"]
    assert (servers["a"], servers["b"]) == ("https://a.example/mcp?x=y", "npx -y b")
    # An option takes the place of its variable, as for other settings.
    assert list(read_servers(read_settings(mcp=["d=d"]))) == ["d"]
    with pytest.raises(ConfigError, match="two MCP servers are called 'c'"):
        read_servers(read_settings(mcp=["c=x"], mcp_config=str(config)))


@pytest.mark.parametrize("text", ["https://secret.example/mcp", "npx secret", "a=", "=secret", ""])
def test_a_server_without_a_name_is_refused_and_not_shown(text):
    with pytest.raises(ConfigError, match="--mcp needs NAME=URL") as caught:
        read_servers(read_settings(mcp=[text]))
    assert "secret" not in str(caught.value)


def test_a_file_without_servers_serves_nothing(tmp_path):
    config = tmp_path / "mcp.json"
    config.write_text('{"mcpServers": {"off": {"command": "x", "disabled": true}}}')
    with pytest.raises(ConfigError, match="has no server"):
        read_servers(read_settings(mcp_config=str(config)))


def test_each_api_has_a_token_of_its_own(monkeypatch):
    for name in ("RED", "BLUE"):
        monkeypatch.delenv(f"{name}_API_TOKEN", raising=False)
    red, blue = read_apis(read_settings(spec=["red=x", "blue=y"]))
    assert read_tokens([red, blue]) is None
    monkeypatch.setenv("BLUE_API_TOKEN", "b")
    monkeypatch.setenv("BLUE_ACCOUNT_ID", "023e")
    assert read_tokens([red, blue]) == {"blue": SecretStr("b")}
    assert read_tokens([blue]) == SecretStr("b")
    assert read_account(read_settings(), [blue, red]) == "023e"
    assert read_account(read_settings(), [red, blue]) is None


def test_what_a_client_did_not_replace_is_no_token(monkeypatch):
    for reference in ("${RED_API_TOKEN}", "${env:RED_API_TOKEN}"):
        monkeypatch.setenv("RED_API_TOKEN", reference)
        assert read_tokens(read_apis(read_settings(spec=["red=x"]))) is None


def test_the_missing_token_is_that_of_the_api_which_failed():
    apis = read_apis(read_settings(spec=["hub=x", "my_hub=y", "red=z"]))
    tokens = {"red": SecretStr("r")}
    assert find_missing(apis, tokens, "MyHubError: 401") == ["my_hub"]
    assert find_missing(apis, tokens, "RedError: 403") == []
    assert find_missing(apis[:1], None, "HubError: 401") == ["hub"]
    assert find_missing(apis[:1], SecretStr("h"), "HubError: 401") == []
