"""One call of a tool: the request, questions of the server, and the answer."""

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

# A server that keeps asking to be asked again is asked more and more seldom, until the deadline.
_AGAIN_SECONDS = 0.05
_MAX_AGAIN_SECONDS = 2.0

_Answer = types.CallToolResult | types.InputRequiredResult
_ANSWER: TypeAdapter[_Answer] = TypeAdapter(_Answer)


async def call_tool(
    client: Client, call: CallInFlight, title: str, arguments: dict[str, Any]
) -> types.CallToolResult:
    """Call a tool and return its result.

    The client's own `call_tool` is not used: it validates results against the schema that the
    server wrote, whose patterns may take for ever, and it does not say which call a question of
    the server belongs to.

    Raises:
        ToolFailed: the server wants what pymode does not offer.
        MCPError: the server refused, or the connection ended.
        pydantic.ValidationError: the result is none.
    """
    params = types.CallToolRequestParams(name=title, arguments=arguments)
    pause = _AGAIN_SECONDS
    while True:
        answer = await _send(client, call, params)
        if isinstance(answer, types.CallToolResult):
            return answer
        responses = None
        if answer.input_requests:
            responses = await _respond(call, answer.input_requests)
            pause = _AGAIN_SECONDS
        else:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _MAX_AGAIN_SECONDS)
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
    # Arguments that travel in headers follow from the listing, and it was out of date. Nothing was
    # done: the server refused before the tool ran.
    await _list_until(client, params.name)
    return await client.session.send_request(request, _ANSWER, progress_callback=call.tell)


async def _list_until(client: Client, title: str) -> None:
    cursor = None
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
        # One after the other: there is one person.
        responses[key] = await call.answer(request.params)
        await anyio.lowlevel.checkpoint()
    return responses
