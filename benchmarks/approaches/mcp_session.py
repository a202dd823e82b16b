"""The session of every approach, over a real MCP client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp import ClientSession, MCPError, types

from benchmarks.approaches.approach import Answer
from benchmarks.counting import compact

# Clients pass these fields of a tool to the model, and no others.
READ_FIELDS = ("name", "description", "inputSchema")
CALL_SECONDS = 60.0


class McpSession:
    """The tools of a server, listed once, and calls of them.

    Args:
        client: an initialized session.
        listing: all pages of its `tools/list`.
        prompt: what the model reads before the tools.
    """

    def __init__(
        self, client: ClientSession, listing: list[dict[str, Any]], prompt: str = ""
    ) -> None:
        self._client = client
        self._listing = listing
        self.prompt = prompt
        self.tools = [
            {field: tool[field] for field in READ_FIELDS if field in tool} for tool in listing
        ]

    @property
    def definitions(self) -> str:
        """What the model reads before its first word."""
        return "\n".join(filter(None, (self.prompt, compact(self.tools))))

    @property
    def definitions_as_sent(self) -> str:
        """The prompt and the whole `tools/list`."""
        return "\n".join(filter(None, (self.prompt, compact({"tools": self._listing}))))

    async def call(self, tool: str, arguments: Mapping[str, object]) -> Answer:
        """Call a tool and return the text of its result, or of a protocol error."""
        params = types.CallToolRequestParams(name=tool, arguments=dict(arguments))
        try:
            # `ClientSession.call_tool` would compare the answer with the document's schema and
            # refuse what an API really sends, such as null for a string. Models read the text.
            result = await self._client.send_request(
                types.CallToolRequest(params=params),
                types.CallToolResult,
                request_read_timeout_seconds=CALL_SECONDS,
            )
        except MCPError as error:
            return Answer(str(error), is_error=True)
        text = "\n".join(part.text for part in result.content if part.type == "text")
        return Answer(text, is_error=bool(result.is_error))


async def open_session(client: ClientSession, prompt: str = "") -> McpSession:
    """List the tools of a connected client, page by page."""
    listing: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = await client.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
        listing += [
            tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in page.tools
        ]
        cursor = page.next_cursor
        if cursor is None:
            return McpSession(client, listing, prompt)
