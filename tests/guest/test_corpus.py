"""The language that models write: every function of the corpus is accepted, and runs to its end.

The first line of each file says for which tool it was written, and whether its syntax is newer
than CPython 3.13. The guest modules are tried as they are, on the interpreter of the tests; then
every function in the real sandbox: over the shipped spec, and against the simulated API.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from guest import program
from pymode.codemode import CodeMode
from pymode.errors import CodeRaised
from pymode.simulator import running

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.py"))

# What these ask for is invented, or no part of the simulated API; nothing in them is caught.
UNANSWERED = frozenset(
    [
        "058_cursor_loop",
        "068_graphql_analytics",
        "078_aenter_class",
        "098_parameters_from_scope",
        "105_d1_query",
        "108_uuid_and_secrets",
        "115_empty_result_none",
        "117_large_literal_config",
        "118_iso_dates_and_calendar",
    ]
)

OPERATION = {
    "operationId": "list-things",
    "summary": "List DNS Records and certificates",
    "tags": ["DNS Records", "Zone"],
    "parameters": [{"name": "zone_id", "in": "path", "required": True}],
    "requestBody": {"content": {"application/json": {"schema": {"properties": {"name": {}}}}}},
    "responses": {"200": {"content": {"application/json": {}}}, "4XX": {}},
}
PATHS = (
    "/zones",
    "/zones/{zone_id}/dns_records",
    "/zones/{zone_id}/settings",
    "/zones/{zone_id}/rulesets",
    "/accounts/{account_id}/workers/scripts",
)
SPEC = {
    "openapi": "3.0.3",
    "info": {"title": "A small API", "version": "1"},
    "servers": [{"url": "https://api.example.com/client/v4"}],
    "paths": {path: {"get": OPERATION, "post": OPERATION} for path in PATHS},
    "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
}


class CloudflareError(Exception):
    """The error class of a namespace, as far as the corpus reads it."""

    status = 404
    errors = ()


class FakeCloudflare:
    """A namespace that answers every request alike: one page of two things."""

    async def request(self, *arguments: object, **named: object) -> dict[str, object]:
        await asyncio.sleep(0)
        thing = {
            "id": "023e105f",
            "name": "example.com",
            "status": "active",
            "type": "A",
            "content": "192.0.2.1",
            "modified_on": "2026-01-01T00:00:00Z",
        }
        pages = {"page": 1, "total_pages": 1, "total_count": 2}
        things = [thing, {**thing, "name": "example.org"}]
        return {"success": True, "status": 200, "errors": [], "result": things} | {
            "result_info": pages
        }


def read(path: Path) -> tuple[list[str], str]:
    """Return the words of a file's first line and the code below it."""
    first, _, code = path.read_bytes().decode().partition("\n")
    return first.removeprefix("# ").split(), code


def load(path: Path) -> program.Program:
    words, code = read(path)
    newest = (3, 14) if "3.14" in words else (3, 13)
    if sys.version_info < newest:
        pytest.skip(f"needs the syntax of CPython {newest[0]}.{newest[1]}")
    scope: dict[str, object] = {"spec": json.loads(json.dumps(SPEC))}
    if words[0] == "execute":
        scope |= {"cloudflare": FakeCloudflare(), "account_id": "0a1b2c"}
        scope["CloudflareError"] = CloudflareError
    return program.load(code, scope)


def test_the_corpus_is_large() -> None:
    """Both tools are covered."""
    tools = [read(path)[0][0] for path in CORPUS]
    assert tools.count("search") >= 40
    assert tools.count("execute") >= 60
    assert len(tools) == tools.count("search") + tools.count("execute")


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_function_as_models_write_it_is_accepted_and_runs(path: Path) -> None:
    value = asyncio.run(load(path).entry())
    assert not asyncio.iscoroutine(value)


@pytest.fixture(scope="module")
async def sandbox(user_folders: Path) -> AsyncIterator[CodeMode]:
    """Give a sandbox with a simulated API behind it that no other test changes."""
    with running() as url:
        async with CodeMode(base_url=url, token="simulated-corpus", workers=2) as opened:
            await opened.prepare()
            yield opened


@pytest.mark.anyio
@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
async def test_it_runs_in_the_sandbox(path: Path, sandbox: CodeMode) -> None:
    """Whatever is newer than the interpreter of the tests too; each gives a value or prints it."""
    words, code = read(path)
    run = sandbox.search if words[0] == "search" else sandbox.execute
    if path.stem in UNANSWERED:
        with pytest.raises(CodeRaised, match=r"^CloudflareError: (404|200) (GET|POST|DELETE) "):
            await run(code)
        return
    result = await run(code)
    assert result.value is not None or result.logs
