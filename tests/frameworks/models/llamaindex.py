"""A scripted model of LlamaIndex."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock
from llama_index.core.llms.mock import MockFunctionCallingLLM
from script import Turn, decide


def supply() -> dict[str, object]:
    # The class is a test double of the framework itself; what it says is ours.
    return {"model": MockFunctionCallingLLM(response_generator=respond)}


def respond(messages: Sequence[ChatMessage], **options: Any) -> ChatMessage:
    assert {tool.metadata.name for tool in options["tools"]} == {"search", "execute"}
    turn = decide([each.content for each in messages if each.role == "tool"])
    if isinstance(turn, Turn):
        call = ToolCallBlock(
            tool_call_id=turn.identifier, tool_name=turn.tool, tool_kwargs=turn.arguments
        )
        return ChatMessage(role="assistant", blocks=[call])
    return ChatMessage(role="assistant", content=turn)
