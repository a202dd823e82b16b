"""A scripted model of Agno."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from agno.models.base import Model
from agno.models.message import Message
from agno.models.response import ModelResponse
from script import Turn, decide


class Scripted(Model):
    async def ainvoke(self, messages: list[Message], *_: Any, **options: Any) -> ModelResponse:
        names = {tool["function"]["name"] for tool in options["tools"]}
        assert names == {"search", "execute"}
        turn = decide([each.content for each in messages if each.role == "tool"])
        if isinstance(turn, Turn):
            function = {"name": turn.tool, "arguments": json.dumps(turn.arguments)}
            call = {"id": turn.identifier, "type": "function", "function": function}
            return ModelResponse(role="assistant", tool_calls=[call])
        return ModelResponse(role="assistant", content=turn)

    def invoke(self, *_: Any, **__: Any) -> ModelResponse:
        raise NotImplementedError

    def invoke_stream(self, *_: Any, **__: Any) -> Iterator[ModelResponse]:
        raise NotImplementedError

    def ainvoke_stream(self, *_: Any, **__: Any) -> AsyncIterator[ModelResponse]:
        raise NotImplementedError

    def _parse_provider_response(self, response: Any, **_: Any) -> ModelResponse:
        raise NotImplementedError

    def _parse_provider_response_delta(self, response: Any) -> ModelResponse:
        raise NotImplementedError


def supply() -> dict[str, object]:
    return {"model": Scripted(id="scripted")}
