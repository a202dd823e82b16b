"""What is known of one tool, and what whatever has tools can do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from pymode.namespaces import Kind

Schema: TypeAlias = Mapping[str, Any]
Elicit: TypeAlias = Callable[[str, Schema], Awaitable[tuple[str, Mapping[str, Any] | None]]]
"""Asks a person: takes a message and a JSON Schema, gives "accept", "decline" or "cancel", and
what was filled in."""
ToolProgress: TypeAlias = Callable[[float, float | None, str | None], Awaitable[None]]
"""Hears a fraction or a count, the total where it is known, and a sentence."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool, as the code calls it: `await db.query(sql="…")`.

    Args:
        name: what the code calls it, a Python name.
        title: what its source calls it, such as "create-issue".
        description: for the model; may be empty.
        input_schema: JSON Schema of the arguments, an object.
        output_schema: JSON Schema of the result, where it is known.
        signature: the call as Python, such as "query(sql: str, limit: int = 100) -> list[Row]".
        is_read: whether its source says that it changes nothing.
    """

    name: str
    title: str
    description: str
    input_schema: Schema
    output_schema: Schema | None
    signature: str
    is_read: bool = False

    def describe(self) -> dict[str, Any]:
        """What the code finds in `tools[namespace][name]`."""
        described: dict[str, Any] = {
            "signature": self.signature,
            "description": self.description,
            "input_schema": self.input_schema,
        }
        if self.output_schema is not None:
            described["output_schema"] = self.output_schema
        return described


class ToolFailed(Exception):
    """A tool was called and failed; its message is for the code and names no secret."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a source may do while one of its tools is called.

    Args:
        deadline: by the event loop's clock, when the run ends.
        elicit: asks the person at the client what an upstream server wants to know; None where
            nobody can be asked.
        progress: told how far an upstream server is; None where nobody listens.
    """

    deadline: float
    elicit: Elicit | None = None
    progress: ToolProgress | None = None


class Source(Protocol):
    """Whatever has tools: a list of functions, an MCP server."""

    kind: Kind

    @property
    def name(self) -> str:
        """What the code calls the namespace."""

    async def open(self) -> None:
        """Get ready, as far as that is possible; a source that fails fails its own calls only."""

    async def aclose(self) -> None:
        """End what `open` began; a second time does nothing."""

    async def list(self) -> Mapping[str, Tool]:
        """The tools as they are now, by what the code calls them.

        Raises:
            ToolFailed: they cannot be known now; the message says why and what to do.
        """

    async def call(self, tool: Tool, arguments: Mapping[str, Any], around: Surroundings) -> Any:
        """The result of a tool: JSON values and bytes.

        Raises:
            ToolFailed: it failed.
        """


@dataclass(frozen=True, slots=True)
class Catalog:
    """The tools of every namespace at one moment; of those that cannot be listed, why.

    Args:
        tools: by namespace and name.
        failures: by namespace.
    """

    tools: Mapping[str, Mapping[str, Tool]] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
