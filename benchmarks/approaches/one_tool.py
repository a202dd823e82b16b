"""An MCP server with one tool, for approaches without a server of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from mcp import Client, types
from mcp.server.lowlevel import Server

from benchmarks.approaches.approach import Answer
from benchmarks.approaches.mcp_session import McpSession, open_session


@asynccontextmanager
async def serve_one_tool(
    tool: types.Tool, run: Callable[[Mapping[str, Any]], Awaitable[Answer]], prompt: str = ""
) -> AsyncIterator[McpSession]:
    """Serve `tool` to a client in this process; `run` gets the arguments of each call."""

    async def list_tools(*_: object) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[tool])

    async def call_tool(_: object, params: types.CallToolRequestParams) -> types.CallToolResult:
        if params.name != tool.name:
            answer = Answer(f"there is no tool {params.name}, only {tool.name}", is_error=True)
        else:
            answer = await run(params.arguments or {})
        content = [types.TextContent(type="text", text=answer.text)]
        return types.CallToolResult(content=content, is_error=answer.is_error)

    server: Server[Any] = Server(
        tool.name,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        get_tool_input_schema=lambda name: tool.input_schema if name == tool.name else None,
    )
    async with Client(server) as client:
        yield await open_session(client.session, prompt)
