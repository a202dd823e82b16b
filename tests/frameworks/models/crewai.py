"""A scripted model of CrewAI."""

from __future__ import annotations

import json
from typing import Any

from crewai import BaseLLM
from mcp import StdioServerParameters
from script import Turn, decide


class Scripted(BaseLLM):
    def call(self, messages: Any, tools: Any = None, *_: Any, **__: Any) -> Any:
        assert {tool["function"]["name"] for tool in tools} == {"search", "execute"}
        turn = decide([each["content"] for each in messages if each["role"] == "tool"])
        if isinstance(turn, str):
            return turn
        assert isinstance(turn, Turn)
        function = {"name": turn.tool, "arguments": json.dumps(turn.arguments)}
        return [{"id": turn.identifier, "type": "function", "function": function}]

    def supports_function_calling(self) -> bool:
        return True


def supply() -> dict[str, object]:
    return {"model": Scripted(model="scripted")}


def read_server(server: dict[str, Any]) -> object:
    """Return a server as CrewAI wants it."""
    if server["transport"] == "stdio":
        return StdioServerParameters(
            command=server["command"], args=server["args"], env=server["env"]
        )
    return server | {"transport": "streamable-http"}
