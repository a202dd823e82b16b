"""What an approach is: a way to hand an API to a model, and a session of its real server."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks.documents import Document

# The simulated API takes any token; each approach carries this one.
TOKEN = "simulated-benchmark"


@dataclass(frozen=True)
class Answer:
    """What a tool call gave the model to read."""

    text: str
    is_error: bool = False


class Session(Protocol):
    """An open approach: what the model has read before its first word, and the calls it can make.

    Args:
        prompt: what the model reads besides the tools, empty for most.
        tools: `name`, `description` and `inputSchema` of each tool, as a client hands them on.
        definitions: both of them as one text, the tools as a compact JSON list.
        definitions_as_sent: the result of `tools/list` with all its fields, compact JSON.
    """

    prompt: str
    tools: list[dict[str, Any]]
    definitions: str
    definitions_as_sent: str

    async def call(self, tool: str, arguments: Mapping[str, object]) -> Answer:
        """Call a tool as the model would; an error of the tool is an answer, too."""


class Approach(Protocol):
    """A way to hand an API to a model.

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
        """Start its server over `document`, with the API at `base_url` (None: the document's)."""
