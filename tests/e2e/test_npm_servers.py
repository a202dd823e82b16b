"""The reference servers of MCP, from npm, behind `pymode serve` over both transports."""

import base64
import json
import os
import shutil
import subprocess
import sys
from contextlib import asynccontextmanager

import anyio
import pytest
from mcp import Client, StdioServerParameters, types

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 180
PACKAGES = {
    "@modelcontextprotocol/server-filesystem": "2026.8.31",
    "@modelcontextprotocol/server-everything": "2026.8.31",
}

SEE = 'return {name: [t["signature"] for t in found.values()] for name, found in tools.items()}'
USE_FILES = """
before = await files.list_directory(path="FOLDER")
await files.write_file(path="FOLDER/new.txt", content="written\\n")
text = await files.read_text_file(path="FOLDER/new.txt")
picture = await files.read_media_file(path="FOLDER/dot.png")
try:
    await files.read_text_file(path="/etc/hostname")
except FilesError as error:
    refusal = str(error)
return [before["content"], text["content"], picture, refusal]
"""
USE_EVERYTHING = """
import asyncio
echo, total, weather, picture = await asyncio.gather(
    everything.echo(message="hi"),
    everything.get_sum(a=2, b=3),
    everything.get_structured_content(location="Chicago"),
    everything.get_tiny_image(),
)
images = [each for each in picture if isinstance(each, bytes)]
return [echo, total, sorted(weather), [image[1:4].decode() for image in images]]
"""


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
def programs(user_folders):
    """The folder of the programs, installed once."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("npm and node are needed to run the servers")
    folder = user_folders / "npm"
    folder.mkdir(exist_ok=True)
    if not all(is_installed(folder, *package) for package in PACKAGES.items()):
        wanted = [f"{name}@{version}" for name, version in PACKAGES.items()]
        quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        ended = subprocess.run(
            [npm, "install", "--prefix", str(folder), *quiet, *wanted],
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        if ended.returncode:
            pytest.skip(f"npm could not install the servers: {ended.stderr.decode()[:200]}")
    return folder / "node_modules" / ".bin"


def is_installed(folder, name, version):
    file = folder / "node_modules" / name / "package.json"
    return file.exists() and json.loads(file.read_text())["version"] == version


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files").resolve()
    (folder / "a.txt").write_text("a")
    (folder / "dot.png").write_bytes(b"\x89PNG\r\n\x1a\n dot")
    return folder


@pytest.fixture(scope="module")
def options(programs, files):
    options = [
        *("--mcp", f"files={programs / 'mcp-server-filesystem'} {files}"),
        *("--mcp", f"everything={programs / 'mcp-server-everything'}"),
        *("--workers", "1", "--no-log"),
    ]
    build = [sys.executable, "-m", "pymode", "build", *options]
    subprocess.run(build, env=environment(), check=True, timeout=PATIENCE_SECONDS)
    return options


@pytest.fixture(scope="module")
def http_url(options):
    command = [sys.executable, "-m", "pymode", "serve", "--http", "127.0.0.1:0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment()) as process:
        try:
            line = next(line for line in process.stderr if b"http://" in line)
            yield line.decode().rpartition(" ")[2].strip()
        finally:
            process.terminate()


def environment():
    own = ("CLOUDFLARE_", "PYMODE_")
    return {name: value for name, value in os.environ.items() if not name.startswith(own)}


@asynccontextmanager
async def over_http(http_url, options, **more):
    async with Client(http_url, **more) as client:
        yield client


@asynccontextmanager
async def over_stdio(http_url, options, **more):
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "pymode", "serve", *options], env=environment()
    )
    async with Client(server, **more) as client:
        yield client


async def run(client, tool, code, **more):
    result = await client.call_tool(tool, {"code": code}, **more)
    assert not result.is_error, result.content
    return json.loads(result.content[0].text)


@pytest.mark.parametrize("connect", [over_stdio, over_http])
async def test_the_servers_are_namespaces_whose_results_are_values(
    connect, http_url, options, files
):
    with anyio.fail_after(PATIENCE_SECONDS):
        async with connect(http_url, options) as client:
            seen = await run(client, "search", SEE)
            assert "write_file(path: str, content: str) -> dict" in seen["files"]
            assert "echo(message: str)" in str(seen["everything"])

            code = USE_FILES.replace("FOLDER", str(files))
            before, text, picture, refusal = await run(client, "execute", code)
            assert "[FILE] a.txt" in before
            assert (files / "new.txt").read_text() == text == "written\n"
            assert base64.b64encode(b"\x89PNG\r\n\x1a\n dot").decode() in json.dumps(picture)
            assert "outside allowed directories" in refusal

            echo, total, weather, images = await run(client, "execute", USE_EVERYTHING)
            assert (echo, total) == ("Echo: hi", "The sum of 2 and 3 is 5.")
            assert weather == ["conditions", "humidity", "temperature"]
            assert images == ["PNG"]


@pytest.mark.parametrize("connect", [over_stdio, over_http])
async def test_progress_and_questions_of_a_server_reach_the_person_at_the_client(
    connect, http_url, options
):
    """Questions only up to 2025-11-25: from then on a server cannot ask while a call is open."""
    asked, moved = [], []

    async def answer(context, question):
        asked.append(question.message)
        return types.ElicitResult(action="accept", content={"name": "Ann"})

    async def note(progress, total, message):
        moved.append((progress, total))

    with anyio.fail_after(PATIENCE_SECONDS):
        async with connect(http_url, options, mode="legacy", elicitation_callback=answer) as client:
            code = "return await everything.trigger_elicitation_request()"
            assert "- Name: Ann" in str(await run(client, "execute", code))
            code = "return await everything.trigger_long_running_operation(duration=0.1, steps=2)"
            await run(client, "execute", code, progress_callback=note)
    assert len(asked) == 1
    assert moved[-2:] == [(1, 2), (2, 2)]
