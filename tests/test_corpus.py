"""The language that models write: every function of the corpus is accepted, and runs to its end.

The first line of each file says for which tool it was written, and whether its syntax is newer
than CPython 3.13. The guest modules are tried here as they are, on the interpreter of the tests.
"""

import asyncio
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "wasm"))

from guest import program

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.py"))

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
