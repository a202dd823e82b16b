"""Real clients, real servers over both transports, the real sandbox, a simulated API."""

import json
import os
import subprocess
import sys
from contextlib import asynccontextmanager

import anyio
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from pymode.simulator import running

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 180
TOKEN = "simulated-e2e"
ZONES = 23

# One worker, and no limit that would stop an endless loop: only a cancellation can.
OPTIONS = ("--workers", "1", "--fuel", str(10**15), "--timeout", "900")

FIND = """
async def find():
    return [
        [method, path]
        for path, operations in spec["paths"].items()
        for method in operations
        if path.endswith("/dns_records")
    ]
"""
PAGE_AND_WRITE = """
import asyncio

async def run():
    def page(number):
        return cloudflare.request("GET", "/zones", query={"page": number, "per_page": 10})
    first = await page(1)
    numbers = range(2, first["result_info"]["total_pages"] + 1)
    replies = [first, *await asyncio.gather(*map(page, numbers))]
    zones = [zone for reply in replies for zone in reply["result"]]
    path = f"/zones/{zones[0]['id']}/dns_records"
    body = {"type": "A", "name": "NAME", "content": "192.0.2.9"}
    created = await cloudflare.request("POST", path, body=body)
    return {"zones": len(zones), "created": created["result"]["content"], "account": account_id}
"""
LOOP = """
def run():
    print("looping")
    while True:
        pass
"""


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
def base_url():
    with running(zones=ZONES) as url:
        yield url


@pytest.fixture(scope="module")
def http_url(base_url):
    command = [sys.executable, "-m", "pymode", "serve", "--http", "127.0.0.1:0"]
    process = subprocess.Popen(
        [*command, "--base-url", base_url, *OPTIONS], stderr=subprocess.PIPE, env=environment()
    )
    with process:
        try:
            line = next(line for line in process.stderr if b"http://" in line)
            yield line.decode().rpartition(" ")[2].strip()
        finally:
            process.terminate()


def environment():
    own = ("CLOUDFLARE_", "PYMODE_")
    return {name: value for name, value in os.environ.items() if not name.startswith(own)}


@asynccontextmanager
async def connected_http(http_url, base_url, era):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False, timeout=PATIENCE_SECONDS) as http,
        Client(streamable_http_client(http_url, http_client=http), mode=era) as client,
    ):
        yield client


@asynccontextmanager
async def connected_stdio(http_url, base_url, era):
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "pymode", "serve", "--base-url", base_url, *OPTIONS],
        env=environment() | {"CLOUDFLARE_API_TOKEN": TOKEN},
    )
    async with Client(server, mode=era) as client:
        yield client


@pytest.mark.parametrize("era", ["auto", "legacy"])
@pytest.mark.parametrize("connect", [connected_stdio, connected_http])
async def test_a_client_searches_executes_and_stops_what_does_not_end(
    connect, era, http_url, base_url
):
    with anyio.fail_after(PATIENCE_SECONDS):
        async with connect(http_url, base_url, era) as client:
            found = await client.call_tool("search", {"code": FIND})
            assert ["post", "/zones/{zone_id}/dns_records"] in value_of(found)

            code = PAGE_AND_WRITE.replace("NAME", f"{connect.__name__}-{era}".replace("_", "-"))
            done = value_of(await client.call_tool("execute", {"code": code}))
            assert (done["zones"], done["created"]) == (ZONES, "192.0.2.9")
            assert len(done["account"]) == 32

            refused = await client.call_tool("search", {"code": "import os"})
            assert refused.is_error
            assert "os" in refused.content[0].text

            with anyio.move_on_after(1):
                await client.call_tool("search", {"code": LOOP})
            # The only worker is free again, so the loop does not run any more.
            after = await client.call_tool("search", {"code": "return 1 + 1"})
            assert value_of(after) == 2


async def test_over_http_a_call_without_a_token_says_so(http_url):
    async with Client(http_url) as client:
        code = 'return await cloudflare.request("GET", "/zones")'
        result = await client.call_tool("execute", {"code": code})
    assert result.is_error
    assert "The request carried no API token" in result.content[0].text


async def test_the_examples_that_a_model_reads_run_as_they_stand(http_url, base_url):
    async with connected_http(http_url, base_url, "auto") as client:
        for tool in (await client.list_tools()).tools:
            example = tool.description.rpartition("\n\n")[2]
            assert value_of(await client.call_tool(tool.name, {"code": example}))


def value_of(result):
    assert not result.is_error, result.content
    return json.loads(result.content[0].text)
