"""A scripted chat model of LangChain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool
from script import Turn, decide


class Scripted(BaseChatModel):
    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Scripted:
        names = {convert_to_openai_tool(tool)["function"]["name"] for tool in tools}
        assert names == {"search", "execute"}
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        turn = decide([each.text for each in messages if isinstance(each, ToolMessage)])
        if isinstance(turn, Turn):
            call = {"name": turn.tool, "args": turn.arguments, "id": turn.identifier}
            message = AIMessage("", tool_calls=[call])
        else:
            message = AIMessage(turn)
        return ChatResult(generations=[ChatGeneration(message=message)])


def supply() -> dict[str, object]:
    return {"model": Scripted()}
