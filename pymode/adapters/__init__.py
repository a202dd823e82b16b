"""Adapters for frameworks that cannot use `CodeMode.tools()` or `CodeMode.mcp_server()`.

fastmcp.py      runs the code of FastMCP's CodeMode
smolagents.py   synchronous tools, and what runs the steps of its CodeAgent
background.py   an event loop for callers that are not asynchronous
memory.py       what one step finds of those before it        steps.py   its part in the sandbox
prelude.py      lines before the code of a model

No module here imports its framework before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pymode.errors import ConfigError


def load(module: str, package: str) -> Any:
    """Import a module of a framework.

    Args:
        module: such as "fastmcp.exceptions".
        package: what pip installs.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        msg = f"{package} is not installed; run `pip install {package}`"
        raise ConfigError(msg) from None
