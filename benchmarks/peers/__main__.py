"""One peer in a process of its own: `python -m benchmarks.peers NAME DOCUMENT BASE_URL WORKERS`.

It reads one JSON object from each line of standard input and answers with one. It measures the
times itself, so that they do not include the pipe:

    {"program": NAME}                               → {"seconds": 0.004, "answer": …}
    {"program": NAME, "callers": 4, "seconds": 2}   → {"calls": 512, "seconds": 2.01}
    {"memory": true}                                → {"mib": 128.5}

A failure is answered with {"error": why}. The process ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import IO, Any

from benchmarks.memory import resident_mib
from benchmarks.peers import BY_NAME, Running


async def answer(running: Running, request: dict[str, Any]) -> dict[str, Any]:
    if "memory" in request:
        return {"mib": resident_mib()}
    if "callers" in request:
        return await call_together(running, **request)
    started = time.perf_counter()
    value = await running.run(request["program"])
    return {"seconds": time.perf_counter() - started, "answer": value}


async def call_together(
    running: Running, program: str, callers: int, seconds: float
) -> dict[str, Any]:
    """Let callers call repeatedly until the time is over; calls in flight then count, too."""
    first = await running.run(program)
    started = time.perf_counter()

    async def call() -> int:
        calls = 0
        while not calls or time.perf_counter() - started < seconds:
            if await running.run(program) != first:
                raise RuntimeError("a caller got another answer")
            calls += 1
        return calls

    calls = sum(await asyncio.gather(*(call() for _ in range(callers))))
    return {"calls": calls, "seconds": time.perf_counter() - started}


async def main(output: IO[str]) -> None:
    name, document, base_url, workers = sys.argv[1:]
    async with BY_NAME[name].open(Path(document), base_url, int(workers)) as running:
        while line := await asyncio.to_thread(sys.stdin.readline):
            try:
                said = await answer(running, json.loads(line))
            except Exception as error:
                said = {"error": f"{type(error).__name__}: {error}"[:500]}
            print(json.dumps(said), file=output, flush=True)


if __name__ == "__main__":
    # What a library prints goes to standard error, not between the answers.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        asyncio.run(main(answers))
