"""One tool, and the protocol of everything that has tools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from pymode.actions.context import Context
from pymode.namespaces import Kind

Schema: TypeAlias = Mapping[str, Any]


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
        """Return what the code finds in `tools[namespace][name]`."""
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


class Source(Protocol):
    """Something that has tools: a list of functions, or an MCP server."""

    kind: Kind

    @property
    def name(self) -> str:
        """What the code calls the namespace."""

    async def open(self) -> None:
        """Start the source. It raises nothing: a failure fails only this source's own calls."""

    async def aclose(self) -> None:
        """Stop the source; a second call does nothing."""

    async def list(self) -> Mapping[str, Tool]:
        """Return the current tools, by the names that the code uses.

        Raises:
            ToolFailed: they cannot be known now; the message says why and what to do.
        """

    async def call(self, tool: Tool, arguments: Mapping[str, Any], context: Context) -> Any:
        """Call a tool and return its result: JSON values and bytes.

        Raises:
            ToolFailed: it failed.
        """


@dataclass(frozen=True, slots=True)
class Catalog:
    """The tools of every namespace at one moment, and why some cannot be listed.

    Args:
        tools: by namespace and name.
        failures: by namespace.
    """

    tools: Mapping[str, Mapping[str, Tool]] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
