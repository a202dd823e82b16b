"""A run pauses once its guest is idle: the worker says so, and nobody guesses by the clock."""

import asyncio
import json

import pytest

from pymode.call.journal import Journal, Paused
from pymode.call.replay import Attempt
from pymode.policy.approvals import Answer, Question
from pymode.protocol.messages import Call
from pymode.protocol.replies import APIResponse

pytestmark = pytest.mark.anyio

LIMITS = {
    "host_calls": 99,
    "host_calls_in_flight": 20,
    "result_bytes": 9999,
    "printed_chars": 9999,
}
ANSWERED = APIResponse(200, "json", "1").write()


class API:
    """Asks about every POST, and lets GET wait until something was asked."""

    def __init__(self, attempt):
        self.attempt = attempt
        self.asked = asyncio.Event()
        self.sent = []

    async def __call__(self, _target, payload):
        head = json.loads(payload.partition("\n")[0])
        request = f"{head['method']} {head['path']}"
        if head["method"] == "POST":
            self.asked.set()
            path = head["path"]
            await self.attempt.ask(Question("POST", path, path, None, "", "", "writes"), path)
        else:
            await self.asked.wait()
        self.sent.append(request)
        return ANSWERED


async def run(code_mode, journal, code):
    """Run code until it pauses or ends; return what it asks, or its value, and what was sent."""
    attempt = Attempt(journal)
    api = API(attempt)
    request = {"code": code, "specs": ["cloudflare"], "apis": ["api"], "limits": LIMITS}
    request |= {"tools": {}, "absent": [], "on_demand": [], "account_id": None}
    call = Call(json.dumps(request), attempt.conditions)
    running = code_mode.pool.run(call, attempt.answering(api), attempt.activity)
    try:
        outcome = (await attempt.drive(running)).done.outcome
    except Paused as paused:
        return sorted(asked.question.path for asked in paused.asked), api.sent
    return json.loads(outcome.partition("\n")[2]), api.sent


async def test_a_reply_that_is_under_way_may_lead_to_another_question(code_mode):
    """It comes after the first question, and while the guest says that it waits."""
    code = """
import asyncio

async def chain(number):
    for _ in range(5):
        await api.request("GET", f"/read/{number}")
    await api.request("POST", f"/write/{number}")

async def run():
    await asyncio.gather(api.request("POST", "/write"), *map(chain, range(10)))
"""
    asked, sent = await run(code_mode, Journal(), code)
    assert asked == ["/write", *(f"/write/{number}" for number in range(10))]
    assert len(sent) == 50


async def test_a_timer_that_is_near_may_lead_to_another_question(code_mode):
    code = """
import asyncio

async def later():
    for _ in range(5):
        await asyncio.sleep(0.03)
    await api.request("POST", "/later")

async def run():
    await asyncio.gather(api.request("POST", "/now"), later())
"""
    asked, _ = await run(code_mode, Journal(), code)
    assert asked == ["/later", "/now"]


@pytest.mark.parametrize(
    "other", ["await asyncio.sleep(600)", "while True: await asyncio.sleep(0.001)"]
)
async def test_a_timer_that_is_far_away_or_endless_holds_no_pause_up(code_mode, other):
    code = f"""
import asyncio

async def wait():
    {other}

async def run():
    await asyncio.gather(api.request("POST", "/now"), wait())
"""
    asked, _ = await run(code_mode, Journal(), code)
    assert asked == ["/now"]


async def test_a_guest_that_computes_does_not_hold_a_pause_up(code_mode):
    code = """
import asyncio

async def compute():
    await asyncio.sleep(0.001)
    while True:
        await asyncio.sleep(0)

async def run():
    await asyncio.gather(api.request("POST", "/now"), compute())
"""
    asked, _ = await run(code_mode, Journal(), code)
    assert asked == ["/now"]


async def test_a_run_after_the_answers_gets_the_same_replies_and_ends(code_mode):
    code = """
import asyncio

async def write(path):
    return (await api.request("POST", path))["status"]

async def both(path):
    await api.request("GET", path)
    return await write(path)

async def run():
    return await asyncio.gather(write("/first"), both("/1"), both("/2"))
"""
    journal = Journal()
    asked, _ = await run(code_mode, journal, code)
    assert asked == ["/1", "/2", "/first"]
    journal.settle([Answer.APPROVE] * 3)
    value, sent = await run(code_mode, Journal.read(journal.write()), code)
    assert value == [200, 200, 200]
    assert sorted(sent) == ["POST /1", "POST /2", "POST /first"]
