"""Checks that a run did what its task asks for: the answer, the final state, the writes."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx

from benchmarks.counting import compact
from benchmarks.task import Check, Task
from benchmarks.turns import TEMPLATE
from pymode.simulator.seed import identifier

READ_METHODS = ("GET", "HEAD", "OPTIONS")


class Failed(Exception):
    """A run did not do what its task asks for."""


def check_answer(task: Task, answer: object) -> None:
    """Compare an answer with the right one.

    Raises:
        Failed: they differ.
    """
    given, right = answer, task.answer
    if task.any_order and isinstance(given, list) and isinstance(right, list):
        given, right = sorted(given, key=canonical), sorted(right, key=canonical)
    if canonical(given) != canonical(right):
        raise Failed(f"the answer is {compact(answer)[:300]}, not {compact(task.answer)[:300]}")


def canonical(value: object) -> str:
    """Return JSON to compare values by: the order of keys does not count, and 1 is not true."""
    return json.dumps(value, sort_keys=True)


async def check_state(task: Task, api: httpx.AsyncClient) -> None:
    """Compare the final state and the number of writes with those of the task.

    Raises:
        Failed: the run wrote something else, too much, or too little.
    """
    recorded = await requests_of(api)
    done = [r for r in recorded if r["method"] not in READ_METHODS and 200 <= r["status"] < 300]
    if len(done) != task.writes:
        raise Failed(f"{len(done)} writes succeeded, not {task.writes}")
    for check in task.final:
        await check_value(check, api)


async def check_value(check: Check, api: httpx.AsyncClient) -> None:
    path = TEMPLATE.sub(lambda m: str(eval(m[1], {"identifier": identifier})), check.get)
    found = select((await api.get(path.lstrip("/"))).json(), check.select)
    value = len(found) if check.count else found
    if canonical(value) != canonical(check.value):
        what = f"GET {check.get}: {'count of ' if check.count else ''}{check.select}"
        raise Failed(f"{what} is {compact(value)[:200]}, not {compact(check.value)}")


def select(value: Any, path: str) -> Any:
    """Return the value at a dotted path such as `result[0].name`."""
    for index, key in re.findall(r"\[(-?\d+)\]|([^.\[\]]+)", path):
        value = value[int(index)] if index else value[key]
    return value


async def requests_of(api: httpx.AsyncClient) -> list[dict[str, Any]]:
    return list((await api.get("simulator/requests")).json()["result"])
