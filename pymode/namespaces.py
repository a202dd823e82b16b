"""Names of namespaces: what the code may call an API, a group of functions or an MCP server."""

from __future__ import annotations

import builtins
import keyword
import re
from typing import Literal

from pymode.errors import ConfigError

Kind = Literal["api", "functions", "mcp"]

NAMESPACE_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
# The sandbox puts these names in scope itself.
TAKEN_NAMES = frozenset({"account_id", "results", "spec", "specs", "state", "tools"})


def is_free(name: str) -> bool:
    """Say whether a namespace may have this name."""
    taken = keyword.iskeyword(name) or hasattr(builtins, name) or name in TAKEN_NAMES
    # The error class of a namespace "memory" would be called MemoryError.
    taken = taken or hasattr(builtins, error_name(name))
    return not taken and NAMESPACE_NAME.fullmatch(name) is not None


def check_name(name: str) -> str:
    """Return the name of a namespace unchanged.

    Raises:
        ConfigError: the code could not use the name.
    """
    if not is_free(name):
        msg = (
            f"the name {name[:60]!r} must be a free Python name of lower-case letters, digits "
            "and _, such as github"
        )
        raise ConfigError(msg)
    return name


def error_name(name: str) -> str:
    """Return the name of a namespace's error class: `CloudflareError` for `cloudflare`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_")) + "Error"


def token_variable(name: str) -> str:
    """Return the environment variable of an API's token: `CLOUDFLARE_API_TOKEN`."""
    return f"{name.upper()}_API_TOKEN"
