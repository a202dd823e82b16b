"""Reads the `mcpServers` JSON of MCP clients."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pymode.errors import ConfigError
from pymode.tools.mcp.servers import Server, read_entry

# A real configuration has a few kilobytes; the bound keeps a wrong path from filling the memory.
_MAX_BYTES = 4 * 1024 * 1024
_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_config(
    given: str | Path | Mapping[str, Any], environment: Mapping[str, str] | None = None
) -> dict[str, Server]:
    """Return the servers of one configuration, by their names in it.

    A server with `"disabled": true` is left out, and its variables need not be set.

    Args:
        given: the path of a JSON file, or its parsed content: `{"mcpServers": {name: {…}}}`. The
            key "servers" of VS Code is accepted, too.
        environment: the variables that replace `${NAME}`, `${env:NAME}` and `${NAME:-default}`;
            None takes the environment of this process.

    Raises:
        ConfigError: the file cannot be read, or a server in it cannot be used.
    """
    config = _load(Path(given).expanduser()) if isinstance(given, (str, Path)) else given
    found = config.get("mcpServers", config.get("servers"))
    if not isinstance(found, Mapping):
        raise ConfigError('an MCP configuration needs the key "mcpServers", an object of servers')
    variables = os.environ if environment is None else environment
    servers = {}
    for name, entry in found.items():
        if not isinstance(name, str) or not isinstance(entry, Mapping):
            raise ConfigError(f"the MCP server {name!r} in the configuration must be an object")
        if entry.get("disabled") is not True:
            servers[name] = read_entry(name, _expand(name, entry, variables))
    return servers


def _load(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from None
    if len(text) > _MAX_BYTES:
        raise ConfigError(f"{path} is no MCP configuration: it has more than 4 MiB")
    try:
        config = json.loads(text)
    except json.JSONDecodeError as error:
        msg = f"{path} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        raise ConfigError(msg) from None
    except (ValueError, RecursionError):
        raise ConfigError(f"{path} is not JSON") from None
    if not isinstance(config, dict):
        raise ConfigError(f'{path} must hold an object with the key "mcpServers"')
    return config


def _expand(name: str, value: Any, variables: Mapping[str, str], depth: int = 0) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: _look_up(name, found[1], variables), value)
    # An entry has two levels, and `read_entry` does not use what is deeper.
    if depth > 3:
        return value
    if isinstance(value, Mapping):
        return {key: _expand(name, item, variables, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(name, item, variables, depth + 1) for item in value]
    return value


def _look_up(name: str, reference: str, variables: Mapping[str, str]) -> str:
    variable, has_default, default = reference.removeprefix("env:").partition(":-")
    if not _NAME.fullmatch(variable):
        msg = (
            f"the MCP server {name!r} uses ${{{reference[:60]}}}, which pymode does not know: "
            "write a variable of the environment, such as ${TOKEN}"
        )
        raise ConfigError(msg)
    # As in a shell, the default of `:-` also replaces a variable that is set and empty.
    if has_default and not variables.get(variable):
        return default
    if variable not in variables:
        msg = f"the MCP server {name!r} uses ${{{variable}}}: set it in the environment"
        raise ConfigError(msg)
    return variables[variable]
