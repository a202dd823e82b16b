"""A model's endpoint on loopback that plays back scripted turns, in both protocols.

It is strict: what the real endpoints refuse, it refuses as well.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

KEY = "sk-secret-of-the-test"
READ, WRITTEN, CACHED = 1000, 50, 400

# A turn: text for the last one, or (tool, arguments) for each call. It sees all answers so far.
Turn = Callable[[list[str]], "str | list[tuple[str, dict[str, Any]]]"]


@dataclass
class FakeModel:
    """What the endpoint says, and the bodies of the requests that it took.

    Args:
        turns: of one run, played again for the next.
        failures: statuses to answer with first.
    """

    turns: Sequence[Turn] = ()
    failures: list[int] = field(default_factory=list)
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0

    async def answer(self, request: Request) -> Response:
        key = request.headers.get("authorization", request.headers.get("x-api-key", ""))
        if key.removeprefix("Bearer ") != KEY:
            return JSONResponse({"error": {"message": f"no such key: {key}"}}, 401)
        if self.failures:
            self.refused += 1
            said = {"error": {"message": f"not now, {KEY}"}}
            return JSONResponse(said, self.failures.pop(0), {"retry-after": "0"})
        body = await request.json()
        self.bodies.append(body)
        speak = speak_openai if request.url.path.endswith("/chat/completions") else speak_anthropic
        return JSONResponse(speak(body, self.turns, len(self.bodies)))


def speak_openai(body: dict[str, Any], turns: Sequence[Turn], number: int) -> dict[str, Any]:
    messages = body["messages"]
    said = [message for message in messages if message["role"] == "assistant"]
    answers = [message for message in messages if message["role"] == "tool"]
    ids = [call["id"] for message in said for call in message["tool_calls"]]
    assert [answer["tool_call_id"] for answer in answers] == ids
    assert all(tool["type"] == "function" for tool in body["tools"])
    assert body["tools"][0]["function"]["parameters"]["type"] == "object"
    turn = turns[len(said)]([answer["content"] for answer in answers])
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    if isinstance(turn, str):
        message["content"] = turn
    else:
        message["tool_calls"] = [
            {
                "id": f"call_{number}_{place}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for place, (name, arguments) in enumerate(turn)
        ]
    reason = "stop" if isinstance(turn, str) else "tool_calls"
    usage = {"prompt_tokens": READ, "completion_tokens": WRITTEN}
    usage["prompt_tokens_details"] = {"cached_tokens": CACHED}
    return {"choices": [{"message": message, "finish_reason": reason}], "usage": usage}


def speak_anthropic(body: dict[str, Any], turns: Sequence[Turn], number: int) -> dict[str, Any]:
    messages = body["messages"]
    said = [message["content"] for message in messages if message["role"] == "assistant"]
    read = [
        m["content"] for m in messages if m["role"] == "user" and isinstance(m["content"], list)
    ]
    uses = [[block["id"] for block in blocks if block["type"] == "tool_use"] for blocks in said]
    assert [[result["tool_use_id"] for result in results] for results in read] == uses
    assert all({"name", "description", "input_schema"} == set(tool) for tool in body["tools"])
    assert body["max_tokens"] > 0
    turn = turns[len(said)]([result["content"] for results in read for result in results])
    thought = {"type": "thinking", "thinking": "well", "signature": "s"}
    assert all(blocks[0] == thought for blocks in said)
    blocks: list[dict[str, Any]] = [thought]
    if isinstance(turn, str):
        blocks.append({"type": "text", "text": turn})
    else:
        blocks += [
            {"type": "tool_use", "id": f"toolu_{number}_{place}", "name": name, "input": arguments}
            for place, (name, arguments) in enumerate(turn)
        ]
    return {
        "content": blocks,
        "stop_reason": "end_turn" if isinstance(turn, str) else "tool_use",
        "usage": {
            "input_tokens": READ - CACHED - 100,
            "cache_read_input_tokens": CACHED,
            "cache_creation_input_tokens": 100,
            "output_tokens": WRITTEN,
        },
    }


@contextmanager
def serving(model: FakeModel) -> Iterator[FakeModel]:
    """Serve both protocols for the time of a `with` block."""
    routes = [
        Route("/v1/chat/completions", model.answer, methods=["POST"]),
        Route("/v1/messages", model.answer, methods=["POST"]),
    ]
    config = uvicorn.Config(Starlette(routes=routes), port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    listening = config.bind_socket()
    model.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield model
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
