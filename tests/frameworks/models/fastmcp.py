"""FastMCP is a server: its page has a client in place of a model."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.experimental.transforms.code_mode import CodeMode

from pymode.adapters.fastmcp import PymodeSandboxProvider
from pymode.limits import Limits

EXPECTED = ("example.net", "2 of 3")


def supply() -> dict[str, object]:
    return {}


def read(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def check() -> None:
    asyncio.run(check_all())


async def check_all() -> None:
    """Try what the page does not show: errors, arguments, several runs at once, other loops."""
    async with PymodeSandboxProvider(limits=Limits(wall_seconds=5), workers=2) as sandbox:
        server = FastMCP(
            "checks",
            transforms=[CodeMode(sandbox_provider=sandbox)],
            mask_error_details=True,
        )

        @server.tool
        def add(a: int, b: int) -> int:
            return a + b

        @server.tool
        async def hang() -> None:
            await asyncio.sleep(60)

        async with Client(server) as client:

            async def run(code: str) -> object:
                result = await client.call_tool("execute", {"code": code}, raise_on_error=False)
                text = "\n".join(each.text for each in result.content)
                return f"failed: {text}" if result.is_error else read(text)

            two = 'return (await call_tool("add", {"a": 1, "b": 1}))["result"]'
            assert await run(two) == 2
            assert await run(f"```python\n{two}\n```") == 2
            assert await run(f"async def main():\n    {two}") == 2
            named = 'return await call_tool(tool_name="add", params={"a": 1, "b": 2})'
            assert await run(named) == {"result": 3}
            caught = f"try:\n  {two.replace('1', 'None')}\nexcept ToolError as e: return str(e)"
            assert "failed" in str(await run(caught)), await run(caught)
            raised = await run("x = 1\nreturn 1 / 0")
            assert raised == "failed: ZeroDivisionError: division by zero\n  line 2: return 1 / 0"
            refused = str(await run("x = 1\nimport os"))
            assert refused.startswith("failed: line 2, column 1: `os` cannot be imported"), refused
            unknown = str(await run('x = 1\nreturn await call_tool("no", {})'))
            assert "Unknown tool: no" in unknown, unknown
            assert "line 2: return await" in unknown, unknown
            assert "_call" not in unknown, unknown
            calls = '[call_tool("add", {"a": n, "b": n}) for n in range(9)]'
            many = f"import asyncio\nreturn await asyncio.gather(*{calls})"
            assert [each["result"] for each in await run(many)] == [2 * n for n in range(9)]
            mixed = await asyncio.gather(*(run(two) for _ in range(4)))
            assert mixed == [2, 2, 2, 2]
            assert await run('print("only printed")') == "only printed\n"
            late = str(await run('return await call_tool("hang", {})'))
            assert late.startswith("failed:"), late
            assert "5 seconds" in late or "when the call ended" in late, late
            assert await run(two) == 2
        value = await sandbox.run("return [n + 1, text]", inputs={"n": 1, "text": "it's\n"})
        assert value == [2, "it's\n"]
        call = sandbox.run("while True: pass\nreturn 1")
        with suppress(TimeoutError):
            await asyncio.wait_for(call, 1)
        told = ""
        try:
            await sandbox.run("return no")
        except ToolError as error:
            told = str(error)
        assert "line 1: return no" in told, told
