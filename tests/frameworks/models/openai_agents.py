"""A scripted model of the OpenAI Agents SDK."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from agents import Model, ModelResponse, Usage
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputItem,
    ResponseOutputMessage,
    ResponseOutputText,
)
from script import Turn, decide


class Scripted(Model):
    async def get_response(self, *args: Any, **keywords: Any) -> ModelResponse:
        said, tools = keywords.get("input", args[1:2]), keywords.get("tools", args[3:4])
        [said] = [said] if "input" in keywords else said
        [tools] = [tools] if "tools" in keywords else tools
        assert {tool.name for tool in tools} == {"search", "execute"}
        items = [] if isinstance(said, str) else said
        turn = decide([i["output"] for i in items if i.get("type") == "function_call_output"])
        output: ResponseOutputItem
        if isinstance(turn, Turn):
            output = ResponseFunctionToolCall(
                type="function_call",
                name=turn.tool,
                call_id=turn.identifier,
                arguments=json.dumps(turn.arguments),
            )
        else:
            text = ResponseOutputText(type="output_text", text=turn, annotations=[])
            output = ResponseOutputMessage(
                id="m", type="message", role="assistant", status="completed", content=[text]
            )
        return ModelResponse(output=[output], usage=Usage(), response_id=None)

    def stream_response(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        raise NotImplementedError


def supply() -> dict[str, object]:
    return {"model": Scripted()}
