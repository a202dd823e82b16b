import asyncio
import json
import random
import zlib

import pytest

from pymode.actions.sent import SentRequest
from pymode.call.journal import Entry, Journal, Paused
from pymode.call.replay import Attempt
from pymode.errors import ApprovalError, ReplayDiverged
from pymode.policy.action import Request
from pymode.policy.approvals import Answer, Asked, Question
from pymode.policy.digest import digest_request
from pymode.protocol.messages import Done, Waiting
from pymode.sandbox.hostcalls import StopGuest
from pymode.sandbox.pool import FinishedCall
from pymode.server.seals import Seals

pytestmark = pytest.mark.anyio

BINDING = {"code": "return 1", "token": "t"}


def question(name):
    return Question("POST", f"/{name}", f"/{name}", None, "", "", "writes")


def full_journal():
    journal = Journal(conditions="{}", seconds=1.5, entries=[Entry("d", "{}\n\u00e9")])
    journal.begun, journal.account_id, journal.call = ["e", "e"], "023e", "7"
    journal.sent = [SentRequest("GET", "/zones", 200, 0.1)]
    journal.pause(
        [Asked(question("a"), "da"), Asked(question("b"), "db"), Asked(question("c"), "dc")]
    )
    journal.settle([Answer.APPROVE, Answer.REFUSE, Answer.APPROVE_ALL])
    journal.pause([Asked(question("d"), "dd")])
    return journal


# Written and read


def test_a_journal_comes_back_as_it_was():
    journal = full_journal()
    assert Journal.read(journal.write()) == journal
    assert journal.answers == [("da", Answer.APPROVE), ("dc", Answer.APPROVE_ALL)]
    assert journal.refused == {"db"}
    assert journal.approved == {"POST /c"}


@pytest.mark.parametrize(
    "data", [b"", b"x", zlib.compress(b"[]"), zlib.compress(b"{}"), zlib.compress(b"[" * 10**6)]
)
def test_what_is_no_journal_is_refused(data):
    with pytest.raises(ApprovalError, match="cannot be read"):
        Journal.read(data)


def test_answers_must_be_as_many_as_questions():
    journal = full_journal()
    with pytest.raises(ApprovalError, match="1 questions got 0 answers"):
        journal.settle([])


def test_two_requests_differ_in_their_digest_where_they_differ_at_all():
    base = Request("POST", "/x", [("a", "b")], {"h": "v"}, b"body", None)
    file = ("f", ("n", b"body", None))
    others = [
        Request("PUT", "/x", [("a", "b")], {"h": "v"}, b"body", None),
        Request("POST", "/xa", [("", "b")], {"h": "v"}, b"body", None),
        Request("POST", "/x", [("a", "c")], {"h": "v"}, b"body", None),
        Request("POST", "/x", [("a", "b")], {"h": "w"}, b"body", None),
        Request("POST", "/x", [("a", "b")], {"h": "v"}, b"", None),
        Request("POST", "/x", [("a", "b")], {"h": "v"}, None, None),
        Request("POST", "/x", [("a", "b")], {"h": "v"}, None, [file]),
        Request("POST", "/x", [("a", "b")], {"h": "v"}, None, [file, file]),
    ]
    digests = {digest_request(each, "https://a") for each in [base, *others]}
    assert len(digests) == 9
    assert digest_request(base, "https://b") not in digests


# Sealed


def test_a_seal_opens_once():
    seals, journal = Seals(), full_journal()
    state = seals.seal(journal, BINDING)
    assert seals.open(state, BINDING) == journal
    with pytest.raises(ApprovalError, match="used already"):
        seals.open(state, BINDING)


def test_a_seal_shows_nothing_of_its_journal():
    state = Seals().seal(full_journal(), BINDING)
    assert state.startswith("v1.")
    assert "zones" not in state


@pytest.mark.parametrize("name", BINDING)
def test_a_seal_opens_for_the_same_call_only_and_stays_whole_for_it(name):
    seals = Seals()
    state = seals.seal(full_journal(), BINDING)
    with pytest.raises(ApprovalError, match=f"another {name}"):
        seals.open(state, BINDING | {name: "other"})
    seals.open(state, BINDING)


def test_a_changed_seal_does_not_open():
    seals = Seals()
    state = seals.seal(full_journal(), BINDING)
    for place in range(3, len(state), 7):
        changed = state[:place] + ("A" if state[place] != "A" else "B") + state[place + 1 :]
        with pytest.raises(ApprovalError, match="damaged"):
            seals.open(changed, BINDING)
    with pytest.raises(ApprovalError, match="damaged, or another server"):
        Seals().open(state, BINDING)
    with pytest.raises(ApprovalError, match="damaged"):
        seals.open("A" * 2_000_000, BINDING)


def test_a_seal_expires_and_then_says_what_was_sent():
    now = [1_000.0]
    seals = Seals(seconds=600, clock=lambda: now[0])
    state = seals.seal(full_journal(), BINDING)
    now[0] += 601
    with pytest.raises(ApprovalError, match=r"more than 10 minutes.*Reads: 1 got 200"):
        seals.open(state, BINDING)


def test_a_journal_that_is_too_large_says_what_was_sent():
    journal = full_journal()
    # Random digits compress to half of their size.
    noise = "".join(random.Random(1).choices("0123456789abcdef", k=3_000_000))
    journal.entries.append(Entry("d", noise))
    with pytest.raises(ApprovalError, match=r"too large to keep.*read less.*Reads: 1 got 200"):
        Seals().seal(journal, BINDING)
    journal.entries.append(Entry("d", "x" * 20_000_000))
    with pytest.raises(ApprovalError, match="too large to keep"):
        Seals().seal(journal, BINDING)


# Attempts, with a coroutine in place of a guest


class API:
    """Answers each payload with a number; those that start with ? need an answer first."""

    def __init__(self, attempt):
        self.attempt = attempt
        self.sent = []

    async def __call__(self, target, payload):
        if payload.startswith("?"):
            answer = await self.attempt.ask(question(payload), payload)
            if answer is Answer.REFUSE:
                return "refused"
        self.sent.append(payload)
        return f"{payload} {len(self.sent)}"


async def attempt_call(journal, guest):
    """Run a guest, which gets a function that asks the API and ends it at a stop."""
    attempt = Attempt(journal)
    api = API(attempt)
    through = attempt.answering(api)

    loop, replies = asyncio.get_running_loop(), 0

    def wait():
        # As a worker does when its guest has nothing else to run.
        attempt.activity.wait(Waiting(replies))

    async def call(payload):
        nonlocal replies
        attempt.activity.start()
        loop.call_soon(wait)
        reply = await through("api", payload)
        attempt.activity.answer()
        replies += 1
        loop.call_soon(wait)
        return reply

    async def running():
        try:
            outcome, stopped_by = json.dumps(await guest(call)), None
        except StopGuest:
            outcome, stopped_by = "[]", "paused"
        return FinishedCall(Done(stopped_by, 0, 0.0, "", outcome), 0.0)

    try:
        return json.loads((await attempt.drive(running())).done.outcome), api.sent
    except Paused as paused:
        return paused, api.sent


async def one_after_another(call):
    return [await call(payload) for payload in ("a", "a", "?b", "c")]


async def test_a_run_pauses_and_the_next_sends_only_what_is_new():
    journal = Journal()
    paused, sent = await attempt_call(journal, one_after_another)
    assert [each.question.path for each in paused.asked] == ["/?b"]
    assert sent == ["a", "a"]
    journal.settle([Answer.APPROVE])
    value, sent = await attempt_call(Journal.read(journal.write()), one_after_another)
    assert sent == ["?b", "c"]
    assert value == ["a 1", "a 2", "?b 1", "c 2"]


async def test_a_refusal_is_an_answer_and_lasts():
    async def guest(call):
        return [await call("?b"), await call("?b")]

    journal = Journal()
    await attempt_call(journal, guest)
    journal.settle([Answer.REFUSE])
    assert await attempt_call(journal, guest) == (["refused", "refused"], [])


async def test_one_approval_is_for_one_request():
    async def guest(call):
        return [await call("?b"), await call("?b")]

    journal = Journal()
    await attempt_call(journal, guest)
    journal.settle([Answer.APPROVE])
    assert (await attempt_call(journal, guest))[1] == ["?b"]
    journal.settle([Answer.APPROVE])
    assert await attempt_call(journal, guest) == (["?b 1", "?b 1"], ["?b"])


@pytest.mark.parametrize("other", ["x", "?x"])
async def test_another_request_in_the_replay_stops_it_and_sends_nothing(other):
    journal = Journal()
    await attempt_call(journal, one_after_another)
    journal.settle([Answer.APPROVE])
    sent = []

    async def guest(call):
        await call("a")
        sent.append(await call(other))

    with pytest.raises(ReplayDiverged, match="something new"):
        await attempt_call(journal, guest)
    assert sent == []


async def test_a_replay_that_ends_early_is_an_error():
    journal = Journal()
    await attempt_call(journal, one_after_another)
    journal.settle([Answer.APPROVE])

    async def guest(call):
        return await call("a")

    with pytest.raises(ReplayDiverged, match="ended early"):
        await attempt_call(journal, guest)


async def test_the_order_of_tasks_may_change():
    async def tasks(call, names):
        return sorted(await asyncio.gather(*map(call, names)))

    journal = Journal()
    await attempt_call(journal, lambda call: tasks(call, ["a", "?b", "c", "d"]))
    journal.settle([Answer.APPROVE])
    value, sent = await attempt_call(journal, lambda call: tasks(call, ["?b", "d", "c", "a"]))
    assert sent == ["?b"]
    assert value == ["?b 1", "a 1", "c 2", "d 3"]
