"""The time of a call of a Python function, without the time of the sandbox around it.

It is a twentieth of the difference between code that calls a function 21 times and code that calls
it once. This module runs in its own process and prints one line.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial

from pymode import CodeMode

PAUSE_SECONDS = 0.02
WARM_UP = 20
MORE = 20
CODE = """\
async def main():
    for _ in range({times}):
        found = await db.{name}(a=1, b=2)
    return found
"""


async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def add_in_a_thread(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def alternate(
    calls: dict[str, Callable[[], Awaitable[object]]], times: int
) -> dict[str, float]:
    """Return the median seconds of each call; they take turns, so that noise is shared."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for index in range(WARM_UP + times):
        for name, call in calls.items():
            await asyncio.sleep(PAUSE_SECONDS)
            started = time.perf_counter()
            await call()
            if index >= WARM_UP:
                taken[name].append(time.perf_counter() - started)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


async def main(times: int) -> None:
    """Print the milliseconds of one more call: `{"add": …, "add_in_a_thread": …}`."""
    async with CodeMode(functions={"db": [add, add_in_a_thread]}, workers=1) as code_mode:
        await code_mode.prepare()
        calls = {
            f"{name} {number}": partial(code_mode.execute, CODE.format(times=number, name=name))
            for name in ("add", "add_in_a_thread")
            for number in (1, 1 + MORE)
        }
        medians = await alternate(calls, times)
    more = {
        name: (medians[f"{name} {1 + MORE}"] - medians[f"{name} 1"]) / MORE * 1e3
        for name in ("add", "add_in_a_thread")
    }
    print(json.dumps(more))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
