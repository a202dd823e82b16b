"""Documents are replaced while calls run: what has begun ends on the old, the rest uses the new."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import psutil
import pytest
from loopback import running, write_answer
from small_document import SMALL

from pymode import CodeMode, Rules
from pymode.errors import CodeRaised, ConfigError, SpecError

# ruff: noqa: ASYNC240 - no other task waits meanwhile

pytestmark = pytest.mark.anyio

PATHS = "return list(spec['paths'])"
# Under way until the test opens the gate.
HELD = "await gate.wait()\nreturn list(spec['paths'])"


class Gate:
    """A function that code can call, and that returns when the test says so."""

    def __init__(self) -> None:
        self.is_reached = asyncio.Event()
        self.is_open = asyncio.Event()

    async def wait(self) -> None:
        """Wait for the test."""
        self.is_reached.set()
        await self.is_open.wait()

    def make(self, document: Path, workers: int) -> CodeMode:
        """Return a sandbox whose code can wait for the gate."""
        functions = {"gate": [self.wait]}
        return CodeMode(document, functions=functions, workers=workers, base_url="http://localhost")


def write(path: Path, *paths: str, **operation: Any) -> Path:
    """Write a document with these paths."""
    items = {each: {"get": {"summary": each, **operation}} for each in paths}
    path.write_text(json.dumps(SMALL | {"paths": items}))
    return path


@pytest.fixture
def document(user_folders: Path, tmp_path: Path) -> Path:
    return write(tmp_path / "api.json", "/old")


async def test_calls_under_way_end_on_the_old_document_and_later_ones_use_the_new(
    document: Path,
) -> None:
    gate = Gate()
    async with gate.make(document, workers=2) as code_mode:
        assert (await code_mode.search(PATHS)).value == ["/old"]
        assert code_mode.pool is not None
        old = set(code_mode.pool.pids)
        under_way = asyncio.create_task(code_mode.execute(HELD))
        await gate.is_reached.wait()
        write(document, "/new", "/newer")
        assert await code_mode.reload()
        assert not under_way.done()
        assert (await code_mode.search(PATHS)).value == ["/new", "/newer"]
        assert (await code_mode.survey())[0].count == 2
        gate.is_open.set()
        assert (await under_way).value == ["/old"]
        # The last call on the old workers takes them along.
        while any(map(psutil.pid_exists, old)):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)


async def test_a_document_that_is_the_same_changes_nothing(document: Path) -> None:
    async with CodeMode(document, workers=1) as code_mode:
        await code_mode.prepare()
        pool = code_mode.pool
        document.touch()
        assert not await code_mode.reload()
        assert code_mode.pool is pool


async def test_a_document_that_cannot_be_used_leaves_the_old_one(document: Path) -> None:
    async with CodeMode(document, workers=1) as code_mode:
        await code_mode.prepare()
        document.write_text('{"openapi": "3.1.0", "paths": {')
        with pytest.raises(SpecError, match="truncated"):
            await code_mode.reload()
        assert (await code_mode.search(PATHS)).value == ["/old"]
        document.unlink()
        with pytest.raises(SpecError, match="no file"):
            await code_mode.reload()
        assert (await code_mode.search(PATHS)).value == ["/old"]


async def test_a_rule_that_no_new_document_knows_leaves_the_old_one(
    user_folders: Path, tmp_path: Path
) -> None:
    """Otherwise the rule would allow or deny nothing from then on."""
    document = write(tmp_path / "api.json", "/old", tags=["kept"])
    rules = Rules.parse(deny=["tag:kept"])
    async with CodeMode(document, workers=1, rules=rules, base_url="http://localhost") as code_mode:
        await code_mode.prepare()
        write(document, "/new", tags=["other"])
        with pytest.raises(ConfigError, match="kept"):
            await code_mode.reload()
        assert (await code_mode.search(PATHS)).value == ["/old"]


async def test_the_rules_follow_the_new_document(user_folders: Path, tmp_path: Path) -> None:
    answer = write_answer(b"[]", headers={"content-type": "application/json"})
    async with running(answer) as api:
        document = write(tmp_path / "api.json", "/a", "/b", tags=["reads"])
        rules = Rules.parse(allow=["tag:reads"])
        async with CodeMode(
            document, workers=1, rules=rules, base_url=api.url, token="t" * 20
        ) as code_mode:
            ask = "return (await api.request('GET', '/b'))['status']"
            assert (await code_mode.execute(ask)).value == 200
            write(document, "/a", tags=["reads"])
            assert await code_mode.reload()
            with pytest.raises(CodeRaised, match="allow"):
                await code_mode.execute(ask)


async def test_closing_while_an_old_document_is_in_use_leaves_no_worker(document: Path) -> None:
    gate = Gate()
    async with gate.make(document, workers=1) as code_mode:
        await code_mode.prepare()
        assert code_mode.pool is not None
        pids = list(code_mode.pool.pids)
        under_way = asyncio.create_task(code_mode.execute(HELD))
        await gate.is_reached.wait()
        write(document, "/new")
        await code_mode.reload()
        pids += code_mode.pool.pids
    assert not any(map(psutil.pid_exists, pids))
    with pytest.raises(Exception, match=r"ended|closed|died"):
        await under_way
