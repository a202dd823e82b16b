"""The MCP clients whose configuration pymode knows."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Client:
    """One MCP client.

    Args:
        title: what people call it.
        find: where its file lies, for the user of this process.
        syntax: of the file; "jsonc" is JSON with comments and trailing commas.
        table: the key of the servers.
        reference: how the entry names a variable of the environment, with `NAME` for its name;
            empty where the client replaces nothing.
        is_typed: whether an entry says that it is a command.
        supply: what the user does so that the variables have their values.
        restart: what the user does so that the client reads its file.
    """

    title: str
    find: Callable[[], Path]
    syntax: Literal["json", "jsonc", "toml"]
    table: str
    reference: str
    is_typed: bool
    supply: str
    restart: str


def _settings_folder(name: str) -> Path:
    """Where desktop programs keep their settings."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / name
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming") / name
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / name


def _home(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default)


_EXPORT = "set {names} in the environment in which {title} starts"

CLIENTS = {
    "claude": Client(
        "Claude Desktop",
        lambda: _settings_folder("Claude") / "claude_desktop_config.json",
        "json",
        "mcpServers",
        "",
        is_typed=False,
        supply='write the value of {names} between the quotes, in "env" of the entry',
        restart="quit Claude Desktop and start it again",
    ),
    "claude-code": Client(
        "Claude Code",
        lambda: _home("CLAUDE_CONFIG_DIR", "") / ".claude.json",
        "json",
        "mcpServers",
        "${NAME}",
        is_typed=True,
        supply=_EXPORT,
        restart="start a new session of Claude Code",
    ),
    "cursor": Client(
        "Cursor",
        lambda: Path.home() / ".cursor" / "mcp.json",
        "json",
        "mcpServers",
        "${env:NAME}",
        is_typed=True,
        supply=_EXPORT,
        restart="switch the server on in Cursor's settings, under MCP",
    ),
    "vscode": Client(
        "VS Code",
        lambda: _settings_folder("Code") / "User" / "mcp.json",
        "jsonc",
        "servers",
        "${env:NAME}",
        is_typed=True,
        supply=_EXPORT,
        restart="run “MCP: List Servers” in VS Code and start it there",
    ),
    "codex": Client(
        "Codex",
        lambda: _home("CODEX_HOME", ".codex") / "config.toml",
        "toml",
        "mcp_servers",
        "NAME",
        is_typed=False,
        supply=_EXPORT,
        restart="start a new session of Codex",
    ),
}
