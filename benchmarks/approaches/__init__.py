"""The approaches that are compared: ways to hand an API to a model.

Each is a small class with the Protocol of `approach.py`, and has a real MCP server and client.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

from benchmarks.approaches.approach import TOKEN, Answer, Approach, Session
from benchmarks.approaches.classic import Classic, ClassicRequired
from benchmarks.approaches.command_line import CommandLine
from benchmarks.approaches.fastmcp_code_mode import FastMCPCodeMode
from benchmarks.approaches.pymode import Pymode
from benchmarks.approaches.raw import Raw
from benchmarks.approaches.tool_search import ToolSearch

__all__ = ["ALL", "TOKEN", "Answer", "Approach", "Session", "missing"]

ALL: tuple[Approach, ...] = (
    Raw(),
    Classic(),
    ClassicRequired(),
    ToolSearch(),
    CommandLine(),
    FastMCPCodeMode(),
    Pymode(),
)


def missing(approach: Approach) -> str | None:
    """Return why an approach cannot run here, or None if it can."""
    for name in approach.requires:
        try:
            distribution(name)
        except PackageNotFoundError:
            return f"{name} is not installed"
    return None
