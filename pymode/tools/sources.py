"""Makes sources from the functions and MCP servers that a user gives."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pymode.namespaces import TAKEN_NAMES
from pymode.tools.functions import FunctionsSource
from pymode.tools.tool import Source

if TYPE_CHECKING:
    from pymode.tools.mcp import ServerSource


def gather_sources(
    functions: Mapping[str, Iterable[Callable[..., Any]]] | None,
    mcp: Mapping[str, ServerSource] | str | Path | None,
) -> list[Source]:
    """Return a source for each namespace of functions and for each MCP server; none is started.

    Args:
        functions: the functions of each namespace, by its name.
        mcp: servers by name, or the `mcpServers` JSON of MCP clients; see
            `pymode.tools.mcp.make_sources`.

    Raises:
        ConfigError: a function or a server cannot be used.
    """
    sources: list[Source] = [
        FunctionsSource(name, callables) for name, callables in (functions or {}).items()
    ]
    if mcp:
        # This imports the MCP SDK, which takes a second that is spared users without a server.
        from pymode.tools.mcp import make_sources

        taken = {*TAKEN_NAMES, *dir(builtins), *(source.name for source in sources)}
        # The error class of a namespace "memory" would be called MemoryError, as a builtin is.
        taken |= {name.removesuffix("Error").lower() for name in dir(builtins)}
        sources += make_sources(mcp, taken=taken)
    return sources
