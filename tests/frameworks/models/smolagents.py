"""A scripted model of smolagents for its tool calling agent."""

from __future__ import annotations

from typing import Any

from script import Turn, decide
from smolagents import Model
from smolagents.models import (
    ChatMessage,
    ChatMessageToolCall,
    ChatMessageToolCallFunction,
    MessageRole,
)

OBSERVATION = "Observation:\n"


class Scripted(Model):
    def generate(self, messages: list[Any], *_: Any, **options: Any) -> ChatMessage:
        names = {tool.name for tool in options["tools_to_call_from"]}
        assert names == {"search", "execute", "final_answer"}
        replies = [each for each in messages if each.role == MessageRole.TOOL_RESPONSE]
        turn = decide([each.content[0]["text"].removeprefix(OBSERVATION) for each in replies])
        if isinstance(turn, Turn):
            function = ChatMessageToolCallFunction(turn.arguments, turn.tool)
            call = ChatMessageToolCall(function, turn.identifier, "function")
        else:
            function = ChatMessageToolCallFunction({"answer": turn}, "final_answer")
            call = ChatMessageToolCall(function, "call_3", "function")
        return ChatMessage(MessageRole.ASSISTANT, "", [call])


def supply() -> dict[str, object]:
    return {"model": Scripted(model_id="scripted")}
