"""What is kept of the log, by age and by size."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
from stopped_clock import Clock

from pymode.errors import ConfigError
from pymode.log import Database, Log, Results, Retention, iterate_calls, open_to_read

DAY_SECONDS = 86_400
MOST_STEPS = 200


def use(
    path: Path, clock: Clock, retention: Retention, do: Callable[[Log], Awaitable[None]]
) -> None:
    async def main() -> None:
        database = Database(path, retention, clock=clock)
        await do(Log(database))
        await database.close()

    asyncio.run(main())


async def record(log: Log, code: str, requests: int = 1) -> None:
    call = log.begin_call("execute", code)
    for number in range(requests):
        request = await log.begin_request(call, "POST", f"/{number}", is_write=True)
        log.end_request(request, 200, 0.1)
    log.end_call(call, "ok")


def count(path: Path) -> tuple[list[str], int]:
    """The codes of the calls, and the number of all requests."""
    connection = open_to_read(path)
    assert connection is not None
    with closing(connection):
        codes = [call.code for call in iterate_calls(connection)]
        ((requests,),) = connection.execute("SELECT count(*) FROM requests")
    return codes, requests


def test_a_call_goes_with_its_requests_when_it_is_too_old(path: Path, clock: Clock) -> None:
    async def do(log: Log) -> None:
        await record(log, "old", requests=3)
        clock.now += DAY_SECONDS
        await record(log, "new")
        await log.database.flush()
        clock.now += 1
        assert await log.database.prune() == 1
        assert await log.database.prune() == 0

    use(path, clock, Retention(age_seconds=DAY_SECONDS), do)
    assert count(path) == (["new"], 1)


def test_the_oldest_calls_go_when_the_log_is_too_large(path: Path, clock: Clock) -> None:
    """The log stays near its size although nobody asks for it, and the newest call stays."""
    retention = Retention(total_bytes=500_000)

    async def do(log: Log) -> None:
        for number in range(600):
            clock.now += 1
            await record(log, f"{number} " + "x" * 4_000)

    use(path, clock, retention, do)
    codes, requests = count(path)
    assert len(codes) == requests
    assert 0 < len(codes) < 300
    assert codes[-1].startswith("599 ")
    assert path.stat().st_size < 2 * retention.total_bytes


def test_results_never_push_out_the_record_of_what_was_done(path: Path, clock: Clock) -> None:
    async def do(log: Log) -> None:
        await record(log, "kept")
        results = Results(log.database)
        for _ in range(30):
            await results.keep(b"owner", '"' + "x" * 100_000 + '"')
        for _ in range(MOST_STEPS):
            if not await log.database.prune():
                break

    use(path, clock, Retention(total_bytes=1_000_000), do)
    assert count(path) == (["kept"], 1)


def test_one_step_is_bounded(path: Path, clock: Clock) -> None:
    async def do(log: Log) -> None:
        for number in range(400):
            log.begin_call("search", str(number))
        await log.database.flush()
        clock.now += 2 * DAY_SECONDS
        steps = []
        while removed := await log.database.prune():
            steps.append(removed)
        assert sum(steps) <= 400
        assert max(steps) <= 128

    use(path, clock, Retention(age_seconds=DAY_SECONDS), do)
    assert count(path) == ([], 0)


@pytest.mark.parametrize("limits", [{"age_seconds": 0}, {"total_bytes": -1}])
def test_limits_must_be_positive(limits: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="positive"):
        Retention(**limits)
