"""The provider runs code as FastMCP's CodeMode asks for it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pymode.adapters import load
from pymode.adapters.fastmcp import PymodeSandboxProvider
from pymode.errors import ConfigError
from pymode.limits import Limits

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def sandbox(user_folders: object) -> AsyncIterator[PymodeSandboxProvider]:
    async with PymodeSandboxProvider(limits=Limits(wall_seconds=10), workers=2) as provider:
        yield provider


async def call_tool(tool_name: str, params: dict[str, Any]) -> Any:
    if tool_name == "fail":
        raise sys.modules["fastmcp.exceptions"].ToolError(f"call_tool({tool_name!r}) failed: no")
    return {"result": params}


FUNCTIONS = {"call_tool": call_tool}


@pytest.mark.parametrize(
    "code",
    [
        'return (await call_tool("echo", {"n": 1}))["result"]["n"]',
        'async def main():\n    return (await call_tool("echo", params={"n": 1}))["result"]["n"]',
        '```py\nreturn (await call_tool(tool_name="echo", params={"n": 1}))["result"]["n"]\n```',
        '    reply = await call_tool("echo", {"n": 1})\n    reply["result"]["n"]',
        'try:\n    await call_tool("fail", {})\nexcept ToolError as error:\n    return 1',
        "print(1)\nreturn 1",
    ],
)
async def test_code_calls_the_functions_by_name(sandbox: PymodeSandboxProvider, code: str) -> None:
    assert await sandbox.run(code, external_functions=FUNCTIONS) == 1


async def test_inputs_are_variables(sandbox: PymodeSandboxProvider) -> None:
    inputs = {"text": 'it\'s\n"so"', "nested": {"a": [None, True, 1.5]}}
    assert await sandbox.run("return [text, nested]", inputs=inputs) == [*inputs.values()]


async def test_a_name_that_is_none_is_refused(sandbox: PymodeSandboxProvider) -> None:
    with pytest.raises(ConfigError, match="'a b' is not a name"):
        await sandbox.run("return 1", inputs={"a b": 1})


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("x = 1\nreturn 1 / 0", "ZeroDivisionError: division by zero\n  line 2: return 1 / 0"),
        ("x = 1\nimport os", "line 2, column 1: `os` cannot be imported"),
        ('await call_tool("fail", {})', "ToolError: call_tool('fail') failed: no\n  line 1: await"),
        ("print('so far')\nraise KeyError(1)", "printed so far:\nso far"),
    ],
)
async def test_errors_are_for_the_model(
    sandbox: PymodeSandboxProvider, code: str, told: str
) -> None:
    with pytest.raises(Exception, match="line") as raised:
        await sandbox.run(code, external_functions=FUNCTIONS)
    assert type(raised.value).__name__ == "ToolError"
    assert told in str(raised.value)
    assert "_call" not in str(raised.value).replace("call_tool", "")


async def test_what_was_printed_is_the_answer_where_nothing_is_returned(
    sandbox: PymodeSandboxProvider,
) -> None:
    assert await sandbox.run("print('text')\nreturn None") == "text\n"


async def test_runs_at_once_have_functions_of_their_own(sandbox: PymodeSandboxProvider) -> None:
    async def run(number: int) -> Any:
        async def own() -> int:
            return number

        return await sandbox.run("return await own()", external_functions={"own": own})

    assert await asyncio.gather(*map(run, range(6))) == [*range(6)]


async def test_a_cancelled_run_ends_and_the_next_one_runs(sandbox: PymodeSandboxProvider) -> None:
    waits = asyncio.Event()

    async def wait() -> None:
        waits.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(
        sandbox.run("return await wait()", external_functions={"wait": wait})
    )
    await waits.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await sandbox.run("return 1") == 1


def test_a_framework_that_is_not_installed_is_named() -> None:
    with pytest.raises(ConfigError, match="run `pip install not-there`"):
        load("not_there.at_all", "not-there")
