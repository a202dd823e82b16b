"""Stand-ins for what the adapters import of frameworks that are not installed here.

The frameworks themselves are tried in environments of their own: see tests/frameworks.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType

import pytest


class FastMCPError(Exception):
    """As in `fastmcp.exceptions`."""


class ToolError(FastMCPError):
    """As in `fastmcp.exceptions`."""


class InterpreterError(ValueError):
    """As in `smolagents.local_python_executor`."""


@dataclass
class CodeOutput:
    """As in `smolagents.local_python_executor`."""

    output: object
    logs: str
    is_final_answer: bool


@pytest.fixture(autouse=True)
def frameworks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the names that the adapters use, whatever is installed."""
    for name, members in {
        "fastmcp.exceptions": (FastMCPError, ToolError),
        "smolagents.local_python_executor": (InterpreterError, CodeOutput),
    }.items():
        module = ModuleType(name)
        vars(module).update({member.__name__: member for member in members})
        monkeypatch.setitem(sys.modules, name, module)
