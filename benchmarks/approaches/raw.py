"""The whole document in the prompt, and one tool that sends a request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from mcp import types

from benchmarks.approaches.approach import TOKEN, Answer
from benchmarks.approaches.mcp_session import McpSession
from benchmarks.approaches.one_tool import serve_one_tool
from benchmarks.documents import Document

PROMPT = "The API's OpenAPI document:\n"
TOOL = types.Tool(
    name="request",
    description="Send a request to the API. A body that is a string is sent as it is.",
    input_schema={
        "type": "object",
        "properties": {
            "method": {"type": "string"},
            "path": {"type": "string"},
            "query": {"type": "object"},
            "body": {},
        },
        "required": ["method", "path"],
    },
)


class Raw:
    name = "raw"
    title = "Document in the prompt"
    requires = ()

    @asynccontextmanager
    async def open(self, document: Document, base_url: str | None) -> AsyncIterator[McpSession]:
        """Open the tool `request` over `document`."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(headers=headers) as http:

            async def send(arguments: Mapping[str, Any]) -> Answer:
                return await send_request(http, base_url or document.server, arguments)

            async with serve_one_tool(TOOL, send, PROMPT + document.text) as session:
                yield session


async def send_request(
    http: httpx.AsyncClient, base_url: str, arguments: Mapping[str, Any]
) -> Answer:
    body = arguments.get("body")
    sent = {"content": body} if isinstance(body, str) else {} if body is None else {"json": body}
    try:
        reply = await http.request(
            arguments["method"].upper(),
            base_url + arguments["path"],
            params=arguments.get("query"),
            **sent,
        )
    except (httpx.HTTPError, httpx.InvalidURL, KeyError, AttributeError) as error:
        return Answer(f"{type(error).__name__}: {error}", is_error=True)
    if reply.is_success:
        return Answer(reply.text)
    return Answer(f"{reply.status_code} {reply.text}", is_error=True)
