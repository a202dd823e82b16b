"""Results that are kept for the next call of their owner."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from stopped_clock import Clock

from pymode.errors import LogError
from pymode.log import Database, Results, Retention

ALICE, BOB = b"a" * 32, b"b" * 32
DAY_SECONDS = 86_400


def use(
    path: Path | None,
    do: Callable[[Results], Awaitable[None]],
    clock: Clock | None = None,
    **limits: float,
) -> None:
    async def main() -> None:
        retention = Retention(**limits)  # type: ignore[arg-type]  # a size is whole
        database = Database(path, retention, clock=clock or Clock())
        await do(Results(database))
        await database.close()

    asyncio.run(main())


@pytest.mark.parametrize("lasting", [True, False])
def test_a_result_is_read_by_its_owner_alone(path: Path, lasting: bool) -> None:
    async def do(results: Results) -> None:
        name = await results.keep(ALICE, '{"a":"ü"}', "zones")
        assert re.fullmatch("r_[a-z2-7]{16}", name)
        assert await results.get(ALICE, name) == '{"a":"ü"}'
        assert await results.get(BOB, name) is None
        assert await results.get(b"", name) is None
        [kept] = await results.list(ALICE)
        assert (kept.id, kept.size_bytes, kept.note) == (name, 10, "zones")
        assert await results.list(BOB) == []

    use(path if lasting else None, do)


def test_a_result_outlives_its_process(path: Path) -> None:
    names = []

    async def keep(results: Results) -> None:
        names.append(await results.keep(ALICE, "[1]"))

    async def get(results: Results) -> None:
        assert await results.get(ALICE, names[0]) == "[1]"

    use(path, keep)
    use(path, get)


@pytest.mark.parametrize("name", ["", "r_", "%", "r_\ud800", "x" * 100_000, "r_\0"])
def test_a_name_that_is_none_finds_nothing(path: Path, name: str) -> None:
    async def do(results: Results) -> None:
        await results.keep(ALICE, "[]")
        assert await results.get(ALICE, name) is None

    use(path, do)


def test_a_result_ends_with_its_age(path: Path, clock: Clock) -> None:
    async def do(results: Results) -> None:
        old = await results.keep(ALICE, "[1]")
        clock.now += DAY_SECONDS + 1
        assert await results.get(ALICE, old) is None
        assert await results.list(ALICE) == []
        new = await results.keep(ALICE, "[2]")
        assert await results.get(ALICE, new) == "[2]"

    use(path, do, clock, age_seconds=DAY_SECONDS)


def test_the_oldest_results_make_room_for_the_newest(path: Path, clock: Clock) -> None:
    async def do(results: Results) -> None:
        names = []
        for _ in range(6):
            clock.now += 1
            names.append(await results.keep(ALICE, json.dumps("x" * 200_000)))
        found = [await results.get(ALICE, name) is not None for name in names]
        assert found == [False, False, False, False, True, True]
        assert [kept.id for kept in await results.list(ALICE)] == [names[5], names[4]]

    use(path, do, clock, total_bytes=1_000_000)


def test_a_result_larger_than_all_room_is_refused(path: Path) -> None:
    async def do(results: Results) -> None:
        with pytest.raises(LogError, match="at most 1,000 can be kept"):
            await results.keep(ALICE, json.dumps("x" * 2_000))
        with pytest.raises(LogError, match="at most 1,000 can be kept"):
            await results.keep(ALICE, json.dumps("ü" * 900, ensure_ascii=False))

    use(path, do, total_bytes=2_000)


def test_the_last_guard_sees_results_and_notes(path: Path) -> None:
    async def main() -> None:
        database = Database(path)
        results = Results(database, redact=lambda text: text.replace("secret", "[token]"))
        name = await results.keep(ALICE, '"a secret"', "the secret")
        assert await results.get(ALICE, name) == '"a [token]"'
        assert (await results.list(ALICE))[0].note == "the [token]"
        await database.close()

    asyncio.run(main())


def test_a_damaged_database_keeps_no_result_and_says_so(path: Path) -> None:
    async def do(results: Results) -> None:
        with pytest.raises(LogError, match="damaged"):
            await results.keep(ALICE, "[1]")
        with pytest.raises(LogError, match="damaged"):
            await results.get(ALICE, "r_a")

    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"no database " * 1_000)
    use(path, do)
