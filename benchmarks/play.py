"""Plays the tasks: `python -m benchmarks.play benchmarks/tasks/01-….yaml [APPROACH …]`.

Each run has its own simulated API and a session of the approach's real server. The player counts
everything that a model would read or write, once for each turn in which it is in the context.
"""

from __future__ import annotations

import asyncio
import functools
import statistics
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import httpx

from benchmarks import approaches, documents
from benchmarks.approaches.approach import TOKEN, Answer, Approach, Session
from benchmarks.checks import Failed, check_answer, check_state, requests_of
from benchmarks.counting import compact, count
from benchmarks.documents import Document
from benchmarks.honesty import Honesty, Unread
from benchmarks.options import Options, Progress
from benchmarks.task import SOLUTIONS, Task, load_task, load_tasks
from benchmarks.turns import Writer, Written, parsed, without_wrap
from pymode.simulator import running

# Two tasks fill two cores.
TASKS_AT_ONCE = 2
QUICK_TASKS = 6
MAX_SHOWN_CHARS = 1200

count_once = functools.lru_cache(maxsize=32)(count)


@dataclass
class Turn:
    """What the model wrote and read in one turn; the last one writes the answer."""

    written: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)


@dataclass
class Run:
    """One task played by one approach.

    Args:
        definitions: the prompt and the tools, which the model reads first.
        goal: what the person asked.
        turns: those that were played, also when the run failed later.
        requests: how many requests reached the API.
        why: why the run does not count; empty if it does.
    """

    definitions: str = ""
    goal: str = ""
    turns: list[Turn] = field(default_factory=list)
    requests: int = 0
    why: str = ""

    def figures(self) -> dict[str, Any]:
        """Return the counts for the results.

        Turn t reads the definitions, the goal and all earlier turns, and writes its calls.
        """
        definitions = count_once(self.definitions)
        context = definitions + count(self.goal)
        read = written = largest = 0
        for turn in self.turns:
            writes = sum(count(text) for text in turn.written)
            read, written = read + context, written + writes
            largest = max(largest, context + writes)
            context += writes + sum(count(answer.text) for answer in turn.answers)
        return {
            "ok": not self.why,
            "why": self.why,
            "definitions": definitions,
            "tokens": read + written,
            "tokens_without_definitions": read + written - definitions * len(self.turns),
            "read": read,
            "written": written,
            "turns": len(self.turns),
            "requests": self.requests,
            "largest_context": largest,
        }


async def play(task: Task, approach: Approach, document: Document) -> Run:
    """Play one task with one approach; an error disqualifies the run and becomes its `why`."""
    run = Run(goal=task.goal)
    async with simulated(task.state) as (api, base_url):
        try:
            async with approach.open(document, base_url) as session:
                await play_session(task, approach.name, session, document, api, run)
        except Exception as error:
            run.why = f"turn {len(run.turns)}: {describe(error)}"
    return run


@asynccontextmanager
async def simulated(state: Mapping[str, int]) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """Start a simulated API in the state that a task begins with; yield a client and its URL."""
    api = running(**state)
    # Starting the child and ending it block.
    base_url = await asyncio.to_thread(api.__enter__)
    try:
        headers = {"authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=base_url, headers=headers) as client:
            yield client, base_url
    finally:
        await asyncio.to_thread(api.__exit__, None, None, None)


async def play_session(
    task: Task,
    approach: str,
    session: Session,
    document: Document,
    api: httpx.AsyncClient,
    run: Run,
) -> None:
    """Play the turns of a solution.

    Raises:
        Unread: a call uses something that the model has not read.
        Failed: the answer, the final state or the number of writes is wrong.
    """
    solution = task.solutions[approach]
    writer = Writer(approach, document, session.tools)
    honesty = Honesty(approach, document)
    run.definitions = session.definitions
    read = [session.definitions, task.goal]

    async def take(calls: Sequence[Written]) -> list[Any]:
        before = "\n".join(read)
        turn = Turn([call.text for call in calls])
        run.turns.append(turn)
        honesty.check_calls(calls, before)
        turn.answers += await asyncio.gather(*(session.call(c.tool, c.arguments) for c in calls))
        recorded = await requests_of(api)
        honesty.check_requests(recorded[run.requests :], before)
        run.requests = len(recorded)
        read.extend(answer.text for answer in turn.answers)
        return [without_wrap(parsed(answer.text)) for answer in turn.answers]

    if solution.search:
        writer.known["a"][0] = await take([writer.write_search(q) for q in solution.search])
    for calls in solution.turns:
        writer.known["a"].append(await take(writer.write(calls)))
    answer = writer.evaluate(solution.answer)
    run.turns.append(Turn([compact(answer)]))
    check_answer(task, answer)
    await check_state(task, api)


async def measure(options: Options, progress: Progress) -> dict[str, Any]:
    """Play all tasks with all approaches, and sum up."""
    tasks = load_tasks()[: QUICK_TASKS if options.quick else None]
    players = [approach.name for approach in approaches.ALL if approach.name in SOLUTIONS]
    skipped = {a.name: why for a in approaches.ALL if (why := approaches.missing(a))}
    players = [name for name in players if name not in skipped]
    loop = asyncio.get_running_loop()
    # Processes, because FastMCP computes for half a second in each call of its searching servers.
    with ProcessPoolExecutor(TASKS_AT_ONCE, mp_context=get_context("spawn")) as pool:

        async def play_apart(task: Task) -> dict[str, dict[str, Any]]:
            figures = await loop.run_in_executor(pool, play_all, task, players)
            failed = ", ".join(name for name in players if not figures[name]["ok"])
            progress(f"{task.id}: {f'FAILED by {failed}' if failed else 'done'}")
            return figures

        played = await asyncio.gather(*map(play_apart, tasks))
    definitions = {name: max(runs[name].pop("definitions") for runs in played) for name in players}
    return {
        "document": documents.core().name,
        "definitions": definitions,
        "tasks": [
            {"id": task.id, "title": task.title, "kind": task.kind, "runs": runs}
            for task, runs in zip(tasks, played, strict=True)
        ],
        "summary": {name: summarise([runs[name] for runs in played]) for name in players},
        "skipped": {name: why for name, why in skipped.items() if name in SOLUTIONS},
    }


def play_all(task: Task, players: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Play one task with several approaches, one after the other, and return their figures."""
    document = documents.core()

    async def play_each() -> dict[str, dict[str, Any]]:
        return {
            approach.name: (await play(task, approach, document)).figures()
            for approach in approaches.ALL
            if approach.name in players
        }

    return asyncio.run(play_each())


def summarise(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return totals and medians of the runs that count."""
    solved = [run for run in runs if run["ok"]]

    def median(key: str) -> float | None:
        return statistics.median(run[key] for run in solved) if solved else None

    return {
        "solved": len(solved),
        "of": len(runs),
        "tokens_median": median("tokens"),
        "tokens_total": sum(run["tokens"] for run in solved),
        "without_definitions_median": median("tokens_without_definitions"),
        "turns_median": median("turns"),
        "turns_total": sum(run["turns"] for run in solved),
        "requests_total": sum(run["requests"] for run in solved),
        "largest_context": max((run["largest_context"] for run in solved), default=None),
    }


def describe(error: BaseException) -> str:
    """Return an error in one line; task groups wrap what happens inside them."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    text = str(error)
    return text if isinstance(error, Failed | Unread) else f"{type(error).__name__}: {text}"


def show(name: str, run: Run) -> None:
    """Print the turns of a run and its figures."""
    print(f"\n=== {name}: definitions of {count_once(run.definitions)} tokens")
    for number, turn in enumerate(run.turns, 1):
        print(f"--- turn {number}")
        for text in turn.written:
            call = parsed(text)
            arguments = call.get("arguments") if isinstance(call, dict) else None
            code = arguments and (arguments.get("code") or arguments.get("command"))
            print(cut(f"{call['name']}:\n{code}" if code else text))
        for answer in turn.answers:
            mark = "ERROR" if answer.is_error else "reads"
            print(f"  {mark} ({count(answer.text)} tokens): {cut(answer.text)}")
    print("  ".join(f"{key}={value}" for key, value in run.figures().items()))
    print(f"!!! {run.why}" if run.why else "OK")


def cut(text: str) -> str:
    more = len(text) - MAX_SHOWN_CHARS
    return text if more <= 0 else f"{text[:MAX_SHOWN_CHARS]}… {more} more characters"


async def main(file: str, names: Sequence[str]) -> int:
    task, document = load_task(Path(file)), documents.core()
    print(f"{task.title}\n{task.goal}")
    failed = 0
    for approach in approaches.ALL:
        if approach.name not in (names or SOLUTIONS):
            continue
        if why := approaches.missing(approach):
            print(f"\n=== {approach.name}: skipped, {why}")
            continue
        run = await play(task, approach, document)
        show(approach.name, run)
        failed += bool(run.why)
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2:])))
