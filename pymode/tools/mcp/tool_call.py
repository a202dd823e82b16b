"""One call of a tool: the request, the server's questions, and the result."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import anyio
from mcp import Client, types
from mcp.shared.exceptions import MCPError
from pydantic import TypeAdapter

from pymode.tools.mcp.in_flight import CallInFlight
from pymode.tools.tool import ToolFailed

# The pauses before a request is sent again that the server answered with neither a result nor a
# question. They double until the maximum; the deadline of the call ends them.
_RETRY_SECONDS = 0.05
_MAX_RETRY_SECONDS = 2.0

_Answer = types.CallToolResult | types.InputRequiredResult
_ANSWER: TypeAdapter[_Answer] = TypeAdapter(_Answer)


async def call_tool(
    client: Client, call: CallInFlight, title: str, arguments: dict[str, Any]
) -> types.CallToolResult:
    """Call a tool and return its result.

    From protocol version 2026-07-28 on, a server may answer with questions. The request is then
    sent again with the answers to them.

    The SDK's own `Client.call_tool` is not used, for two reasons. It validates results against the
    output schema of the server, whose regular expressions may take for ever. And it does not say
    which call a question belongs to.

    Args:
        client: the SDK's client.
        call: the call in flight, which asks the person and takes the progress.
        title: the server's name for the tool.
        arguments: the arguments as JSON values.

    Raises:
        ToolFailed: the server asks for something that pymode does not support.
        MCPError: the server answered with an error, or the connection ended.
        pydantic.ValidationError: the answer is neither a result nor questions.
    """
    params = types.CallToolRequestParams(name=title, arguments=arguments)
    pause = _RETRY_SECONDS
    while True:
        answer = await _send(client, call, params)
        if isinstance(answer, types.CallToolResult):
            return answer
        responses = None
        if answer.input_requests:
            responses = await _respond(call, answer.input_requests)
            pause = _RETRY_SECONDS
        else:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _MAX_RETRY_SECONDS)
        params = types.CallToolRequestParams(
            name=title,
            arguments=arguments,
            input_responses=responses,
            request_state=answer.request_state,
        )


async def _send(client: Client, call: CallInFlight, params: types.CallToolRequestParams) -> _Answer:
    request = types.CallToolRequest(params=params)
    try:
        return await client.session.send_request(request, _ANSWER, progress_callback=call.tell)
    except MCPError as error:
        if error.error.code != types.HEADER_MISMATCH:
            raise
    # A schema may say that an argument is also sent as a header (`x-mcp-header`). The SDK learns
    # this from the list of tools, which was out of date. The server refused the call before the
    # tool ran, so it may be sent again.
    await _list_until(client, params.name)
    return await client.session.send_request(request, _ANSWER, progress_callback=call.tell)


async def _list_until(client: Client, title: str) -> None:
    cursor = None
    # A server may send pages without an end.
    for _ in range(100):
        page = await client.session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
        cursor = page.next_cursor
        if cursor is None or any(tool.name == title for tool in page.tools):
            return


async def _respond(call: CallInFlight, asked: Mapping[str, Any]) -> types.InputResponses:
    responses: types.InputResponses = {}
    for key, request in asked.items():
        if not isinstance(request, types.ElicitRequest):
            msg = f"the MCP server asks for {request.method!r}, which pymode does not offer"
            raise ToolFailed(msg)
        # One question after the other, because there is one person to answer.
        responses[key] = await call.answer(request.params)
        await anyio.lowlevel.checkpoint()
    return responses
