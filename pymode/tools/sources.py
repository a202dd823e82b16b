"""Makes sources of the functions and MCP servers that a user gives."""

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
    """Make the sources.

    Args:
        functions: by the name of their namespace.
        mcp: servers by name, or the `mcpServers` JSON of MCP clients.

    Raises:
        ConfigError: one of them cannot be used.
    """
    sources: list[Source] = [
        FunctionsSource(name, callables) for name, callables in (functions or {}).items()
    ]
    if mcp:
        # It imports the SDK, which takes a second that nobody without a server should wait.
        from pymode.tools.mcp import make_sources

        taken = {*TAKEN_NAMES, *dir(builtins), *(source.name for source in sources)}
        # The errors of "memory" would be called MemoryError.
        taken |= {name.removesuffix("Error").lower() for name in dir(builtins)}
        sources += make_sources(mcp, taken=taken)
    return sources
