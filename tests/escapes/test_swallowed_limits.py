"""The deadline holds, whatever the code catches, ignores or does to its event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from attacks import SMALL, fail, reach

from pymode.codemode import CodeMode
from pymode.errors import CodeRaised, LimitExceeded

pytestmark = pytest.mark.anyio

ENDLESS = {
    "sleeping": "await asyncio.sleep(1e308)",
    "sleeping, and swallowing": """
        while True:
            try:
                await asyncio.sleep(0.2)
            except BaseException: pass
        """,
    "yielding": "while True: await asyncio.sleep(0)",
    "a task that ignores its end": """
        async def stay():
            while True:
                try:
                    await asyncio.sleep(100)
                except BaseException: pass
        asyncio.create_task(stay())
        await asyncio.sleep(0)
        return 1
        """,
    "a generator that ignores its end": """
        async def stay():
            try:
                yield 1
            finally:
                while True:
                    try:
                        await asyncio.sleep(100)
                    except BaseException: pass
        sys.kept = stay()
        return await anext(sys.kept)
        """,
    "callbacks": """
        loop = asyncio.get_running_loop()
        def again(): loop.call_soon(again)
        again()
        await asyncio.sleep(100)
        """,
    "an event loop that hears nothing": """
        loop = asyncio.get_running_loop()
        loop._selector.select = lambda timeout: []
        await asyncio.sleep(0)
        await asyncio.Event().wait()
        """,
    "waiting on the host": "host.wait(-1.0)",
    "waiting on the host for no number": "host.wait(float('nan'))",
    "waiting on the host for ever": "host.wait(float('inf'))",
    "waiting on the host again and again": """
        while True:
            try:
                host.wait(1e-9)
            except BaseException: pass
        """,
    "printing nothing": "while True: host.print('')",
    "asking for random bytes": "while True: os.urandom(10**6)",
    "asking for the time": "import time\nwhile True: time.time()",
}

ENDED = {
    "stopping the loop": "asyncio.get_running_loop().stop()\nawait asyncio.sleep(1)",
    "closing the loop": "asyncio.get_running_loop().close()",
    "a loop in the loop": "start = getattr(driver.HostLoop(), 'run_' + 'forever')\nstart()",
    "sleeping for no number": "await asyncio.sleep(float('nan'))",
    "tracing": "sys.settrace(lambda *_: 1 / 0)\nreturn len([1])",
    "auditing": "sys.addaudithook(lambda *_: 1 / 0)\nreturn 1",
}


@pytest.fixture(scope="module")
async def hasty(user_folders: Path) -> AsyncIterator[CodeMode]:
    """Give a sandbox whose calls have 0.4 s, and more fuel than they can use in it."""
    limits = replace(SMALL, wall_seconds=0.4, fuel=10**12)
    async with CodeMode("cloudflare", limits=limits, workers=1) as prepared:
        await prepared.prepare()
        yield prepared


@pytest.mark.parametrize("way", ENDLESS)
async def test_the_deadline_holds(hasty, way):
    """The worker ends its guest by itself and lives on."""
    pids = hasty.pool.pids
    error = await fail(hasty.search(reach(ENDLESS[way])))
    assert isinstance(error, LimitExceeded)
    assert error.limit == "wall_seconds"
    assert "0.4 seconds" in str(error)
    assert hasty.pool.pids == pids


async def test_the_deadline_holds_for_a_busy_guest(hasty):
    """Fuel is plenty here: the clock alone ends it, although the code swallows everything."""
    code = (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass\nreturn 1"
    )
    error = await fail(hasty.search(code))
    assert isinstance(error, LimitExceeded)
    assert error.limit == "wall_seconds"


@pytest.mark.parametrize("way", ENDED)
async def test_a_broken_loop_is_an_error_of_the_code(cell, way):
    """The call that broke it fails, and the next one has a loop of its own."""
    error = await fail(cell.search(reach(ENDED[way])))
    assert isinstance(error, CodeRaised)
    result = await cell.search("import asyncio\nawait asyncio.sleep(0)\nreturn 1")
    assert result.value == 1


async def test_what_was_printed_before_a_limit_is_kept(hasty):
    """Also when the guest was ended from outside."""
    error = await fail(hasty.search("print('so far')\nwhile True: pass"))
    assert error.logs == "so far\n"


async def test_calls_after_a_deadline_have_all_of_their_time(hasty):
    """A deadline of an earlier call ends no later one."""
    for _ in range(3):
        error = await fail(hasty.search("while True: pass\nreturn 1"))
        assert error.limit == "wall_seconds"
        result = await hasty.search("import asyncio\nawait asyncio.sleep(0.1)\nreturn 1")
        assert result.value == 1


@pytest.mark.parametrize(
    ("name", "value"), [("fuel", 1000), ("wall_seconds", 0.001), ("memory_bytes", 1)]
)
async def test_limits_too_small_for_any_call_are_still_limits(user_folders, name, value):
    """They end the call, not the worker that rehearses for it."""
    limits = replace(SMALL, **{name: value})
    async with CodeMode("cloudflare", limits=limits, workers=1) as tight:
        error = await fail(tight.search("return len([[0] * 100 for _ in range(100_000)])"))
        assert isinstance(error, LimitExceeded)
        assert error.limit == name
