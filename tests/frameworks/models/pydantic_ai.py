"""A scripted model of Pydantic AI."""

from __future__ import annotations

from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel
from script import Turn, decide


def supply() -> dict[str, object]:
    return {"model": FunctionModel(respond)}


def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    assert {tool.name for tool in info.function_tools} == {"search", "execute"}
    parts = [part for message in messages for part in message.parts]
    turn = decide([part.content for part in parts if isinstance(part, ToolReturnPart)])
    if isinstance(turn, Turn):
        return ModelResponse([ToolCallPart(turn.tool, turn.arguments, turn.identifier)])
    return ModelResponse([TextPart(turn)])
