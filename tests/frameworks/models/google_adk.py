"""A scripted model of Google's Agent Development Kit."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from google.adk.models.base_llm import BaseLlm
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.genai import types
from script import Turn, decide


class Scripted(BaseLlm):
    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        assert set(llm_request.tools_dict) == {"search", "execute"}
        parts = [part for content in llm_request.contents for part in content.parts or ()]
        replies = [part.function_response for part in parts if part.function_response]
        turn = decide([(reply.response or {})["result"] for reply in replies])
        if isinstance(turn, Turn):
            call = types.FunctionCall(id=turn.identifier, name=turn.tool, args=turn.arguments)
            part = types.Part(function_call=call)
        else:
            part = types.Part(text=turn)
        yield LlmResponse(content=types.Content(role="model", parts=[part]))


def supply() -> dict[str, object]:
    return {"model": Scripted(model="scripted")}
