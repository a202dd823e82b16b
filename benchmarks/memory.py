"""Memory that pymode uses: `python -m benchmarks.memory DOCUMENT CALLS` prints it as JSON.

It runs in its own process, so that the harness is not in the figures.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import psutil

from benchmarks.programs import ENDLESS, HOLDING, WAF
from pymode import CodeMode, Limits
from pymode.errors import LimitExceeded

FEW, MANY = 1, 5
# HOLDING waits for two seconds; after this time all its calls have touched the document.
LOOK_SECONDS = 1.5
# Twenty times what the search needs, and few enough that the endless loop ends soon.
LIMITS = Limits(fuel=100_000_000)
WORKERS = 2


def resident_mib() -> float:
    """Return the memory of this process and its descendants; shared pages count once."""
    here = psutil.Process()
    everyone = [here, *here.children(recursive=True)]
    infos = [process.memory_full_info() for process in everyone]
    # Only Linux has proportional sizes; on other systems shared pages are left out.
    return sum(getattr(info, "pss", info.uss) for info in infos) / 2**20


async def measure_in_flight(document: Path) -> float:
    """Return the MiB for each further call in flight, its worker included."""
    used = []
    for workers in (FEW, MANY):
        async with CodeMode(document, name="api", workers=workers) as code_mode:
            await code_mode.prepare()
            calls = [asyncio.create_task(code_mode.search(HOLDING)) for _ in range(workers)]
            await asyncio.sleep(LOOK_SECONDS)
            used.append(resident_mib())
            await asyncio.gather(*calls)
    return (used[1] - used[0]) / (MANY - FEW)


async def measure_rest(document: Path) -> float:
    """Return the MiB at rest, after a call in each worker."""
    async with CodeMode(document, name="api", workers=WORKERS) as code_mode:
        await asyncio.gather(*(code_mode.search(WAF) for _ in range(WORKERS)))
        await asyncio.sleep(LOOK_SECONDS)
        return resident_mib()


async def measure_calls(document: Path, calls: int) -> tuple[float, float]:
    """Return the MiB after a tenth of the calls and after all; every tenth is an endless loop.

    Raises:
        RuntimeError: a search gave another answer than the first, or a loop was not stopped.
    """
    async with CodeMode(document, name="api", workers=WORKERS, limits=LIMITS) as code_mode:
        expected = (await code_mode.search(WAF)).value

        async def call(number: int) -> None:
            if number % 10:
                if (await code_mode.search(WAF)).value != expected:
                    raise RuntimeError(f"call {number} got another answer")
                return
            try:
                await code_mode.search(ENDLESS)
            except LimitExceeded:
                return
            raise RuntimeError(f"the endless loop of call {number} ended")

        async def work(numbers: range) -> None:
            for number in numbers:
                await call(number)

        async def work_through(numbers: range) -> float:
            shares = (numbers[start::WORKERS] for start in range(WORKERS))
            await asyncio.gather(*(work(share) for share in shares))
            return resident_mib()

        early = await work_through(range(1, calls // 10 + 1))
        return early, await work_through(range(calls // 10 + 1, calls + 1))


async def main(document: Path, calls: int) -> None:
    rest = await measure_rest(document)
    in_flight = await measure_in_flight(document)
    early, late = await measure_calls(document, calls)
    found = {"rest_mib": rest, "in_flight_mib": in_flight, "early_mib": early, "late_mib": late}
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
