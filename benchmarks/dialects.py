"""The two protocols of most models' endpoints: bodies of requests and answers, without I/O.

`ChatCompletions` is OpenAI's `POST /chat/completions`, which many other servers have, too.
`Messages` is Anthropic's `POST /v1/messages`. Both send the tools in the protocol's own form, and
send the model's turns back unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks.approaches.approach import Answer

# Anthropic's protocol requires a bound; this leaves room for thought, code and an answer.
MAX_WRITTEN_TOKENS = 16_000


@dataclass(frozen=True)
class ToolUse:
    """A tool call as the model wrote it; `arguments` is None if they are not a JSON object."""

    id: str
    name: str
    arguments: dict[str, Any] | None


@dataclass(frozen=True)
class Reply:
    """One turn of the model.

    Args:
        text: what the model said.
        uses: its tool calls; empty in its last turn.
        cut: whether the endpoint stopped the model before its end.
        read, written: tokens, counted by the endpoint.
        cached: those of `read` that came from the endpoint's cache.
    """

    text: str
    uses: tuple[ToolUse, ...]
    cut: bool
    read: int
    written: int
    cached: int


class Dialect(Protocol):
    """One protocol.

    Args:
        key_variable: the environment variable with the key.
        default_url: the provider's base URL, in the form that the provider's clients take.
        path: follows the base URL.
    """

    key_variable: str
    default_url: str
    path: str

    def carry(self, key: str) -> dict[str, str]:
        """Return the headers that carry the key."""

    def begin(
        self, model: str, prompt: str, tools: Sequence[Mapping[str, Any]], goal: str
    ) -> dict[str, Any]:
        """Return the body of the first request."""

    def read(self, payload: Any) -> Reply:
        """Return the turn that the endpoint answered with.

        Raises:
            KeyError, IndexError, TypeError, ValueError: it is not what the protocol says.
        """

    def go_on(
        self, body: dict[str, Any], payload: Any, answers: Sequence[tuple[ToolUse, Answer]]
    ) -> None:
        """Add a turn of the model and the answers to its calls to the next request."""


class ChatCompletions:
    key_variable = "OPENAI_API_KEY"
    default_url = "https://api.openai.com/v1"
    path = "/chat/completions"

    def carry(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"}

    def begin(
        self, model: str, prompt: str, tools: Sequence[Mapping[str, Any]], goal: str
    ) -> dict[str, Any]:
        functions = [
            {
                "name": tool["name"],
                "description": tool.get("description", ""),
                "parameters": tool["inputSchema"],
            }
            for tool in tools
        ]
        messages = [{"role": "system", "content": prompt}] if prompt else []
        return {
            "model": model,
            "messages": [*messages, {"role": "user", "content": goal}],
            "tools": [{"type": "function", "function": function} for function in functions],
        }

    def read(self, payload: Any) -> Reply:
        choice, usage = payload["choices"][0], payload["usage"]
        message = choice["message"]
        uses = (
            ToolUse(
                call["id"], call["function"]["name"], read_arguments(call["function"]["arguments"])
            )
            for call in message.get("tool_calls") or ()
        )
        return Reply(
            text=message.get("content") or "",
            uses=tuple(uses),
            cut=choice.get("finish_reason") == "length",
            read=usage["prompt_tokens"],
            written=usage["completion_tokens"],
            cached=(usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0,
        )

    def go_on(
        self, body: dict[str, Any], payload: Any, answers: Sequence[tuple[ToolUse, Answer]]
    ) -> None:
        body["messages"].append(payload["choices"][0]["message"])
        body["messages"] += [
            {"role": "tool", "tool_call_id": use.id, "content": answer.text}
            for use, answer in answers
        ]


class Messages:
    key_variable = "ANTHROPIC_API_KEY"
    default_url = "https://api.anthropic.com"
    path = "/v1/messages"

    def carry(self, key: str) -> dict[str, str]:
        return {"x-api-key": key, "anthropic-version": "2023-06-01"}

    def begin(
        self, model: str, prompt: str, tools: Sequence[Mapping[str, Any]], goal: str
    ) -> dict[str, Any]:
        body = {
            "model": model,
            "max_tokens": MAX_WRITTEN_TOKENS,
            "messages": [{"role": "user", "content": goal}],
            "tools": [
                {
                    "name": tool["name"],
                    "description": tool.get("description", ""),
                    "input_schema": tool["inputSchema"],
                }
                for tool in tools
            ],
        }
        return {**body, "system": prompt} if prompt else body

    def read(self, payload: Any) -> Reply:
        blocks, usage = payload["content"], payload["usage"]
        cached = usage.get("cache_read_input_tokens") or 0
        return Reply(
            text="".join(block["text"] for block in blocks if block["type"] == "text"),
            uses=tuple(
                ToolUse(
                    block["id"],
                    block["name"],
                    block["input"] if isinstance(block["input"], dict) else None,
                )
                for block in blocks
                if block["type"] == "tool_use"
            ),
            cut=payload.get("stop_reason") == "max_tokens",
            # What went into or came out of the cache is not in `input_tokens`.
            read=usage["input_tokens"] + cached + (usage.get("cache_creation_input_tokens") or 0),
            written=usage["output_tokens"],
            cached=cached,
        )

    def go_on(
        self, body: dict[str, Any], payload: Any, answers: Sequence[tuple[ToolUse, Answer]]
    ) -> None:
        results = [
            {
                "type": "tool_result",
                "tool_use_id": use.id,
                "content": answer.text,
                "is_error": answer.is_error,
            }
            for use, answer in answers
        ]
        body["messages"] += [
            {"role": "assistant", "content": payload["content"]},
            {"role": "user", "content": results},
        ]


def read_arguments(text: str) -> dict[str, Any] | None:
    try:
        arguments = json.loads(text or "{}")
    except ValueError:
        return None
    return arguments if isinstance(arguments, dict) else None


DIALECTS: dict[str, Dialect] = {"openai": ChatCompletions(), "anthropic": Messages()}
