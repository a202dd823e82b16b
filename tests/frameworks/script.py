"""What every scripted model says: first `search`, then `execute`, then what the API returned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

SEARCH = """
async def find():
    return [path for path, methods in spec["paths"].items()
            if path == "/zones" and "get" in methods]
"""

EXECUTE = """
async def run():
    zones = await cloudflare.request("GET", "/zones", query={"per_page": 50})
    return [zone["name"] for zone in zones["result"]]
"""


class Turn(NamedTuple):
    """A call of a tool.

    Args:
        tool: its name.
        code: its only argument.
        identifier: of this call.
    """

    tool: str
    code: str
    identifier: str

    @property
    def arguments(self) -> dict[str, str]:
        """The arguments as a model gives them."""
        return {"code": self.code}


TURNS = (Turn("search", SEARCH, "call_1"), Turn("execute", EXECUTE, "call_2"))


def decide(outputs: Sequence[object]) -> Turn | str:
    """Return what the model does next: call a tool, or answer with what the tools gave.

    Args:
        outputs: what the tools have given so far.

    Raises:
        AssertionError: the search did not find what the execution needs.
    """
    if len(outputs) < len(TURNS):
        return TURNS[len(outputs)]
    found, listed = map(str, outputs)
    assert "/zones" in found, found
    return f"Your zones are {listed}"
