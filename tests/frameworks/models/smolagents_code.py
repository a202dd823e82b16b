"""A scripted model of smolagents for its code agent, whose steps run in the sandbox."""

from __future__ import annotations

from typing import Any

from smolagents import CodeAgent, Model, tool
from smolagents.models import ChatMessage, MessageRole

from pymode.adapters.smolagents import SandboxExecutor

STEPS = (
    """
found = [path for path in spec["paths"] if path == "/zones"]
print(found)
""",
    """
reply = await cloudflare.request("GET", found[0], query={"per_page": 50})
names = [zone["name"] for zone in reply["result"]]
""",
    "final_answer(names)",
)


class Scripted(Model):
    def __init__(self, *steps: str) -> None:
        super().__init__(model_id="scripted")
        self.steps = steps
        self.seen: list[str] = []

    def generate(self, messages: list[Any], *_: Any, **__: Any) -> ChatMessage:
        replies = [each for each in messages if each.role == MessageRole.TOOL_RESPONSE]
        self.seen = [each.content[0]["text"] for each in replies]
        assert len(replies) < len(self.steps), self.seen
        step = self.steps[len(replies)]
        return ChatMessage(MessageRole.ASSISTANT, f"Thought: so it is.\n<code>\n{step}\n</code>")


def supply() -> dict[str, object]:
    return {"model": Scripted(*STEPS)}


@tool
def double(number: int) -> int:
    """Double a number.

    Args:
        number: the number
    """
    if number > 1000:
        raise ValueError(f"{number} is too large")
    return 2 * number


KEPT = """
import re
from collections import Counter, deque as queue
from datetime import (
    date,
    timedelta,
)

async def wait(n):
    import asyncio
    await asyncio.sleep(0)
    return n

def squares(n):
    '''Text at
the left margin.'''
    def square(i):
        return i * i

    return [square(i) for i in range(n)]

class Point:
    def __init__(self, x):
        self.x = x

triple = lambda n: 3 * n
day = date(2025, 1, 2)
pair, keyed = (1, {2}), {3: b"four"}
counted = Counter("aab")
pattern = re.compile("a")
point = Point(1)
for index in range(3):
    last = index
double(number=last)
"""

USED = """
assert squares(3) == [0, 1, 4], squares(3)
assert triple(2) == 6 and Point(7).x == 7
assert day + timedelta(1) == date(2025, 1, 3)
assert pair == (1, {2}) and keyed == {3: b"four"} and queue([1])[0] == 1
assert counted.most_common(1) == [("a", 2)] and type(counted) is Counter
assert re.match("a", "ab") and index == last == 2 and await wait(5) == 5
assert given == {"a": (1, 2)}, given
try:
    double(5000)
except Exception as error:
    told = str(error)
told
"""


def check() -> None:
    """Try what the page does not show: what is kept, errors, tools, variables, a second run."""
    steps = (
        KEPT,
        USED,
        "x = 1\nlate = squares(2)\n1 / 0",
        "squares(2) + [x]",
        "point",
        "import os",
    )
    with SandboxExecutor() as executor:
        model = Scripted(*steps, "final_answer(double(21))")
        agent = CodeAgent([double], model, executor=executor, max_steps=9, verbosity_level=0)
        assert agent.run("Go", additional_args={"given": {"a": (1, 2)}}) == 42
        kept, used, failed, lost, gone, refused = model.seen
        assert "pattern (Pattern), point (Point)" in kept, kept
        assert kept.endswith("\n4"), kept
        assert "ValueError: 5000 is too large" in used, used
        assert "ZeroDivisionError: division by zero\n  line 3: 1 / 0" in failed, failed
        assert "NameError: name 'x' is not defined" in lost, lost
        assert "line 1: " in lost, lost
        assert "NameError" in gone, gone
        assert "line 1, column 1: `os` cannot be imported" in refused, refused
        again = Scripted("final_answer([squares(3), double(4)])")
        agent.model = again
        assert agent.run("Again") == [[0, 1, 4], 8], again.seen
