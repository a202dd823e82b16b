"""The description of one tool, and the protocol that every source of tools follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from pymode.actions.context import Context
from pymode.namespaces import Kind

Schema: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. The code calls it as `await db.query(sql="…")`.

    Args:
        name: the name that the code uses, a Python name.
        title: the name that the source uses, such as "create-issue".
        description: what the tool does, for the model; may be empty.
        input_schema: the JSON Schema of the arguments; its type is "object".
        output_schema: the JSON Schema of the result; None if it is not known.
        signature: the call as Python, such as "query(sql: str, limit: int = 100) -> list[Row]".
        is_read: whether the source says that the tool changes nothing.
    """

    name: str
    title: str
    description: str
    input_schema: Schema
    output_schema: Schema | None
    signature: str
    is_read: bool = False

    def describe(self) -> dict[str, Any]:
        """Return the description that the code finds in `tools[namespace][name]`."""
        described: dict[str, Any] = {
            "signature": self.signature,
            "description": self.description,
            "input_schema": self.input_schema,
        }
        if self.output_schema is not None:
            described["output_schema"] = self.output_schema
        return described


class ToolFailed(Exception):
    """A tool cannot be called, or its call failed.

    The code in the sandbox gets the message, so it must hold no secret.
    """


class Source(Protocol):
    """A source of tools: a group of functions, or an MCP server."""

    kind: Kind

    @property
    def name(self) -> str:
        """The name of the namespace in the code."""

    async def open(self) -> None:
        """Start the source.

        It raises nothing: a source that does not start fails in `list` and `call`, so the other
        sources can be used.
        """

    async def aclose(self) -> None:
        """Stop the source; a second call does nothing."""

    async def list(self) -> Mapping[str, Tool]:
        """Return the current tools by name.

        Raises:
            ToolFailed: the tools cannot be listed now; the message says why and what to do.
        """

    async def call(self, tool: Tool, arguments: Mapping[str, Any], context: Context) -> Any:
        """Call a tool and return its result, which `pymode.tools.wire.write` can write as JSON.

        Args:
            tool: a tool that `list` returned.
            arguments: the arguments by name: JSON values and bytes.
            context: the context of the run; the call ends at its deadline.

        Raises:
            ToolFailed: the call failed.
        """


@dataclass(frozen=True, slots=True)
class Catalog:
    """The tools of all namespaces at one moment.

    Args:
        tools: the tools, by namespace and name; none for a namespace that cannot be listed.
        failures: why a namespace cannot be listed, by namespace.
    """

    tools: Mapping[str, Mapping[str, Tool]] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
