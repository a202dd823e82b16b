"""The Protocols of an approach, which gives a model access to an API, and of its session."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks.documents import Document

# The simulated API accepts every token that begins with `simulated-`.
TOKEN = "simulated-benchmark"


@dataclass(frozen=True)
class Answer:
    """What the model reads after a tool call."""

    text: str
    is_error: bool = False


class Session(Protocol):
    """An open approach: what the model reads first, and the tools that it can call.

    Args:
        prompt: what the model reads besides the tools; empty for most.
        tools: `name`, `description` and `inputSchema` of each tool, which clients pass on.
        definitions: the prompt and the tools as one text, the tools as compact JSON.
        definitions_as_sent: the prompt and `tools/list` with all its fields as one text.
    """

    prompt: str
    tools: list[dict[str, Any]]
    definitions: str
    definitions_as_sent: str

    async def call(self, tool: str, arguments: Mapping[str, object]) -> Answer:
        """Call a tool as the model would; a tool's error is an answer, too."""


class Approach(Protocol):
    """A way to give a model access to an API.

    Args:
        name: short, as in the results.
        title: for people.
        requires: distributions that must be installed.
    """

    name: str
    title: str
    requires: tuple[str, ...]

    def open(
        self, document: Document, base_url: str | None
    ) -> AbstractAsyncContextManager[Session]:
        """Start its server for a document; without `base_url` the document's server is called."""
