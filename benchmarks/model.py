"""Section "model": a real model plays the tasks with its own turns instead of the scripts.

`python -m benchmarks --model openai:NAME` or `anthropic:NAME` runs it. The tasks, their checks, the
simulated API and the approaches' servers are those of section "tasks"; tokens are counted by the
endpoint. The `cli` approach runs the commands that the model writes on this machine.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from benchmarks import approaches, documents
from benchmarks.approaches.approach import Answer, Approach, Session
from benchmarks.checks import Failed, check_answer, check_state, requests_of
from benchmarks.dialects import ToolUse
from benchmarks.documents import Document
from benchmarks.endpoint import Endpoint, EndpointRefused
from benchmarks.options import Options, Progress
from benchmarks.play import QUICK_TASKS, describe, simulated
from benchmarks.task import SOLUTIONS, Task, load_tasks

MAX_TURNS = 20
# More than there are cores, because a run mostly waits for the endpoint.
RUNS_AT_ONCE = 4
ANSWER_LINE = (
    "\n\nWhen the work is done, let your last message be the answer as JSON and nothing else: "
    "a program reads it."
)
FENCE = re.compile(r"```(?:json)?\s*\n(.*)\n\s*```", re.DOTALL)


@dataclass
class ModelRun:
    """One task played once by the model.

    Args:
        why: why the run does not count; empty if it does.
        read, written, cached: tokens of all turns, as in `Reply`.
        requests: how many requests reached the API.
        seconds: from the goal to the last message of the model.
        model_seconds: those of `seconds` in which the model was awaited.
    """

    why: str = ""
    turns: int = 0
    read: int = 0
    written: int = 0
    cached: int = 0
    requests: int = 0
    seconds: float = 0.0
    model_seconds: float = 0.0

    def figures(self, options: Options) -> dict[str, Any]:
        """Return the run for the results."""
        return {
            "ok": not self.why,
            "why": self.why,
            "tokens": self.read + self.written,
            "read": self.read,
            "written": self.written,
            "cached": self.cached,
            "turns": self.turns,
            "requests": self.requests,
            "seconds": round(self.seconds, 3),
            "model_seconds": round(self.model_seconds, 3),
            "cost": find_cost(self.read, self.written, options),
        }


def find_cost(read: int, written: int, options: Options) -> float | None:
    """Return the cost in dollars without a discount for cached tokens, or None without prices."""
    if options.price_in is None or options.price_out is None:
        return None
    return round((read * options.price_in + written * options.price_out) / 1e6, 6)


async def play(task: Task, approach: Approach, document: Document, endpoint: Endpoint) -> ModelRun:
    """Let the model do one task; an error becomes the `why` of the run.

    Raises:
        EndpointRefused: the endpoint would refuse every run.
    """
    run = ModelRun()
    async with simulated(task.state) as (api, base_url):
        try:
            async with approach.open(document, base_url) as session:
                await play_session(task, session, api, endpoint, run)
        except Exception as error:
            while isinstance(error, ExceptionGroup):
                error = error.exceptions[0]
            if isinstance(error, EndpointRefused):
                raise error from None
            run.why = endpoint.clean(f"turn {run.turns}: {describe(error)}")
        run.requests = len(await requests_of(api))
    return run


async def play_session(
    task: Task, session: Session, api: httpx.AsyncClient, endpoint: Endpoint, run: ModelRun
) -> None:
    """Ask the model for turns until it calls no tool, then check its answer and the state.

    Raises:
        Failed: a wrong answer or state, or no end.
        EndpointError: the endpoint failed.
    """
    body = endpoint.dialect.begin(
        endpoint.model, session.prompt, session.tools, task.goal + ANSWER_LINE
    )
    started = time.perf_counter()
    while run.turns < MAX_TURNS:
        payload, reply, seconds = await endpoint.ask(body)
        run.turns += 1
        run.model_seconds += seconds
        run.read += reply.read
        run.written += reply.written
        run.cached += reply.cached
        run.seconds = time.perf_counter() - started
        if reply.cut:
            raise Failed("the endpoint cut the model short")
        if not reply.uses:
            check_answer(task, read_answer(reply.text))
            await check_state(task, api)
            return
        answers = await asyncio.gather(*(call(session, use) for use in reply.uses))
        endpoint.dialect.go_on(body, payload, list(zip(reply.uses, answers, strict=True)))
    raise Failed(f"no answer after {MAX_TURNS} turns")


async def call(session: Session, use: ToolUse) -> Answer:
    if use.arguments is None:
        return Answer("the arguments of a tool call must be a JSON object", is_error=True)
    return await session.call(use.name, use.arguments)


def read_answer(text: str) -> Any:
    """Return the JSON value of the last message, which may stand in a code fence.

    Raises:
        Failed: it is not JSON.
    """
    fenced = FENCE.fullmatch(text.strip())
    try:
        return json.loads(fenced[1] if fenced else text)
    except ValueError:
        raise Failed(f"the last message is not JSON: {text[:300]!r}") from None


async def measure(options: Options, progress: Progress) -> dict[str, Any]:
    """Let the model play every task with every approach, `options.repeat` times.

    Raises:
        EndpointRefused: no request can succeed.
    """
    assert options.model is not None
    document = documents.core()
    tasks = load_tasks()[: QUICK_TASKS if options.quick else None]
    players = [approach for approach in approaches.ALL if approach.name in SOLUTIONS]
    skipped = {a.name: why for a in players if (why := approaches.missing(a))}
    players = [approach for approach in players if approach.name not in skipped]
    gate = asyncio.Semaphore(RUNS_AT_ONCE)

    async with Endpoint(options.model, options.base_url) as endpoint:

        async def play_once(task: Task, approach: Approach) -> dict[str, Any]:
            async with gate:
                run = await play(task, approach, document, endpoint)
            progress(f"{task.id}, {approach.name}: {run.why or 'solved'}, {run.turns} turns")
            return run.figures(options)

        try:
            async with asyncio.TaskGroup() as group:
                playing = {
                    (task.id, approach.name): [
                        group.create_task(play_once(task, approach)) for _ in range(options.repeat)
                    ]
                    for task in tasks
                    for approach in players
                }
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
    runs = {key: [task.result() for task in playing[key]] for key in playing}
    return {
        "model": options.model,
        "repeat": options.repeat,
        "price_in": options.price_in,
        "price_out": options.price_out,
        "document": document.name,
        "tasks": [
            {
                "id": task.id,
                "title": task.title,
                "kind": task.kind,
                "runs": {a.name: runs[task.id, a.name] for a in players},
            }
            for task in tasks
        ],
        "summary": {
            a.name: summarise([run for task in tasks for run in runs[task.id, a.name]])
            for a in players
        },
        "skipped": skipped,
    }


def summarise(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return medians of solved runs and totals of all runs, because failures cost money, too."""
    solved = [run for run in runs if run["ok"]]
    costs = [run["cost"] for run in runs if run["cost"] is not None]

    def median(key: str) -> float | None:
        return statistics.median(run[key] for run in solved) if solved else None

    return {
        "solved": len(solved),
        "of": len(runs),
        "success_rate": round(len(solved) / len(runs), 3),
        "tokens_median": median("tokens"),
        "turns_median": median("turns"),
        "seconds_median": median("seconds"),
        "model_seconds_median": median("model_seconds"),
        "tokens_total": sum(run["tokens"] for run in runs),
        "requests_total": sum(run["requests"] for run in runs),
        "cost_total": round(sum(costs), 4) if costs else None,
        "cost_of_a_solved_task": round(sum(costs) / len(solved), 4) if costs and solved else None,
    }
