"""The approaches: what a model reads of each, and what its tools answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from benchmarks import approaches, documents
from benchmarks.approaches import Answer, Approach
from benchmarks.approaches.command_line import run_bash
from benchmarks.counting import compact
from benchmarks.documents import Document
from pymode.simulator import running

pytestmark = pytest.mark.anyio

BY_NAME = {approach.name: approach for approach in approaches.ALL}
TOOLS = {
    "raw": {"request"},
    "tool-search": {"search_tools", "call_tool"},
    "cli": {"bash"},
    "fastmcp-code-mode": {"search", "get_schema", "execute"},
    "pymode": {"search", "execute"},
}
# How each lists the zones of the simulated API.
CALLS: dict[str, tuple[str, Mapping[str, object]]] = {
    "raw": ("request", {"method": "GET", "path": "/zones"}),
    "classic-mcp": ("zones_get", {}),
    "classic-mcp-required": ("zones_get", {}),
    "tool-search": ("call_tool", {"name": "zones_get", "arguments": {}}),
    "cli": ("bash", {"command": "api zone zones-get | head -c 2000"}),
    "fastmcp-code-mode": ("execute", {"code": "return await call_tool('zones_get', {})"}),
}


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    with running() as base_url:
        yield base_url


@pytest.fixture(scope="module")
def core() -> Document:
    return documents.core()


@pytest.fixture(params=BY_NAME)
def approach(request: pytest.FixtureRequest) -> Approach:
    found = BY_NAME[request.param]
    if why := approaches.missing(found):
        pytest.skip(why)
    return found


async def test_definitions_are_what_a_model_reads_of_the_tools(approach: Approach) -> None:
    document = documents.small()
    async with approach.open(document, None) as session:
        assert session.definitions.endswith(compact(session.tools))
        assert (document.text in session.definitions) == (approach.name == "raw")
        assert all(tool.keys() <= {"name", "description", "inputSchema"} for tool in session.tools)
        assert len(session.definitions_as_sent) >= len(session.definitions)
        names = {tool["name"] for tool in session.tools}
        assert names == TOOLS.get(approach.name, names)
        assert "classic" not in approach.name or len(names) == document.operations


async def test_the_required_variant_has_no_optional_properties() -> None:
    pytest.importorskip("fastmcp", reason="classic MCP needs fastmcp")
    async with BY_NAME["classic-mcp-required"].open(documents.small(), None) as session:
        schemas = [tool["inputSchema"] for tool in session.tools]
    assert all(set(s["properties"]) == set(s.get("required", [])) for s in schemas)


async def test_a_call_reaches_the_api(approach: Approach, core: Document, api: str) -> None:
    if approach.name not in CALLS:
        pytest.skip("its calls have tests of their own, and an image takes 20 s to build")
    async with approach.open(core, api) as session:
        answer = await session.call(*CALLS[approach.name])
        assert "example.com" in answer.text
        assert not answer.is_error
        wrong = await session.call("no_such_tool", {})
        assert wrong.is_error


async def bash(command: str, place: Path) -> Answer:
    return await run_bash(command, place, {"PATH": "/usr/bin:/bin"})


async def test_bash_answers_with_output_errors_and_status(tmp_path: Path) -> None:
    assert await bash("echo one; echo two >&2", tmp_path) == Answer("one\ntwo")
    failed = Answer("one\n[exit status 3]", is_error=True)
    assert await bash("echo one; exit 3", tmp_path) == failed


async def test_bash_is_stopped_at_its_output(tmp_path: Path) -> None:
    answer = await bash("yes", tmp_path)
    assert answer.is_error
    assert answer.text.endswith("[stopped: more than 100000 bytes of output]")
    assert len(answer.text) < 101_000


async def test_bash_sees_nothing_of_this_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_MINE", "abc")
    assert "SECRET_OF_MINE" not in (await bash("env", tmp_path)).text
