"""A run under given conditions sees the same time and chance again, in any instance."""

import asyncio
import json
import random

import pytest

from pymode.protocol.messages import Call
from pymode.sandbox.conditions import MAX_READINGS, ClockAndRandom, Conditions, read_readings

pytestmark = pytest.mark.anyio

CHANCE = """
import random, secrets, uuid
return [str(uuid.uuid4()), random.random(), secrets.token_hex(40), random.randbytes(3).hex()]
"""
CLOCK = """
import time
return time.time()
"""


async def run(code_mode, code, conditions=None):
    limits = {"host_calls": 9, "host_calls_in_flight": 9, "result_bytes": 9999}
    request = {
        "code": code,
        "specs": ["cloudflare"],
        "apis": [],
        "tools": {},
        "absent": [],
        "on_demand": [],
    }
    request |= {"account_id": None}
    text = json.dumps(request | {"limits": limits | {"printed_chars": 9999}})
    call = Call(text, "" if conditions is None else conditions.write())
    outcome = (await code_mode.pool.run(call, None)).done.outcome
    return json.loads(outcome.partition("\n")[2])


async def test_the_same_seed_gives_the_same_chance_in_instances_warm_and_cold(code_mode):
    """Calls on each other's heels meet instances that had no time to rehearse."""
    conditions = Conditions.choose()
    values = [await run(code_mode, CHANCE, conditions) for _ in range(3)]
    values += await asyncio.gather(*(run(code_mode, CHANCE, conditions) for _ in range(6)))
    assert all(value == values[0] for value in values)


async def test_another_seed_and_none_give_other_chance(code_mode):
    values = [await run(code_mode, CHANCE, Conditions.choose()) for _ in range(2)]
    values += [await run(code_mode, CHANCE) for _ in range(2)]
    assert len({value[0] for value in values}) == 4


async def test_the_clock_shows_what_it_showed_before_and_goes_on_from_there(code_mode):
    conditions = Conditions("00" * 16, 1_700_000_000_000_000_000, (7, 1_234))
    code = CLOCK.replace("return time.time()", "return [time.time() for _ in range(3)]")
    first, second, third = await run(code_mode, code, conditions)
    assert (first, second) == (1_700_000_000.007, 1_700_000_001.234)
    assert second <= third < second + 30


async def test_conditions_hold_for_one_call(code_mode):
    conditions = Conditions("00" * 16, 1_700_000_000_000_000_000)
    for _ in range(4):
        assert 1_700_000_000 <= await run(code_mode, CLOCK, conditions) < 1_700_000_030
        assert await run(code_mode, CLOCK) > 1_700_001_000


def test_random_bytes_are_one_stream_however_they_are_cut():
    conditions = Conditions("ab" * 16, 0)
    whole = ClockAndRandom()
    whole.prepare(conditions)
    whole.begin()
    expected = whole.random_bytes(1_000)
    cut = ClockAndRandom()
    cut.prepare(conditions)
    cut.begin()
    sizes = random.Random(1).choices(range(100), k=15)
    data = b"".join(cut.random_bytes(size) for size in sizes)
    assert data == expected[: len(data)]
    assert len(set(expected)) > 200


def test_a_clock_that_is_read_without_end_keeps_a_bounded_record():
    clock = ClockAndRandom()
    clock.prepare(Conditions.choose())
    clock.begin()
    for _ in range(MAX_READINGS + 100):
        clock.now()
    assert len(clock.readings_ms) == MAX_READINGS


@pytest.mark.parametrize("text", ["", "{}", "[-1]", "[true]", "[2, 1]", "[1.5]", f"{[0] * 10_001}"])
def test_readings_of_a_hostile_worker_are_checked(text):
    with pytest.raises(ValueError):  # noqa: PT011 - JSON has many reasons
        read_readings(text)
