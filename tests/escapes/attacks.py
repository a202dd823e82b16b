"""What attacks start from: code that has already got past the policy.

The policy is a seat belt, and these tests are about the wall. `REACH` gives the code the real
builtins, every module of the interpreter and the guest's own driver.
"""

from __future__ import annotations

import textwrap

from pymode.errors import CodeError
from pymode.limits import MIB, Limits

SMALL = Limits(fuel=2_000_000_000, memory_bytes=64 * MIB, wall_seconds=3.0)

# `host` is what the guest imports from the world outside: begin, start, wait and print.
REACH = """
import asyncio, json, types
builtins = vars(types)["__builtins__"]
load = builtins["__import" + "__"]
sys, os = load("sys"), load("os")
driver = sys.modules["guest.call"]
host = sys.modules["guest.loop"].host
"""


def reach(body: str) -> str:
    """Return code whose `main` runs `body` with everything of `REACH` at hand."""
    return f"{REACH}async def main():\n{textwrap.indent(textwrap.dedent(body), '    ')}\n"


async def fail(call) -> CodeError:
    """Await a call that must fail on the code's side, and return how."""
    try:
        result = await call
    except CodeError as error:
        return error
    raise AssertionError(f"the attack came through: {str(result.value)[:500]}")
