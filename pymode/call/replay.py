"""One run of a call that may pause for a person, and that repeats the run which paused.

A pause ends the guest, so that no worker is idle and no deadline runs while a person thinks. After
the answers the code runs again from its start, with the same clock and random bytes, and the
journal answers each host call that was answered before. Nothing is sent until the run has asked for
the whole journal again, so a run that does something else sends nothing at all.

Host calls are matched by what they ask for, not by their order, because tasks of the code may
overtake each other. Equal host calls get their replies in the order in which these came.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable

from pymode.call.journal import MAX_JOURNAL_BYTES, Entry, Journal, too_large
from pymode.errors import ApprovalError, ReplayDiverged
from pymode.policy.approvals import Answer, Asked, Question
from pymode.policy.digest import digest_call
from pymode.protocol.messages import PAUSE_SECONDS
from pymode.protocol.replies import INTERNAL_FAILURE
from pymode.sandbox.conditions import Conditions, read_readings
from pymode.sandbox.hostcalls import Activity, HostCallHandler, StopGuest
from pymode.sandbox.pool import FinishedCall

# The journal answers a repeated run at once, so it should take no longer than the run before. This
# much more time is allowed.
SLACK_SECONDS = 2.0

_log = logging.getLogger(__name__)


class Attempt:
    """One run of a call; `drive` can be used once.

    Args:
        journal: the journal of the call, empty for its first run; each reply is added to it.

    The pool notes in `activity` what the guest does.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        journal.conditions = journal.conditions or Conditions.choose().write()
        self._replies: defaultdict[str, deque[str]] = defaultdict(deque)
        for entry in journal.entries:
            self._replies[entry.digest].append(entry.reply)
        self._unread = len(journal.entries)
        self._answers: defaultdict[str, deque[Answer]] = defaultdict(deque)
        for digest, answer in journal.answers:
            self._answers[digest].append(answer)
        self._expected = frozenset(journal.begun)
        self._journal_bytes = sum(len(entry.reply) for entry in journal.entries)
        self._caught_up = asyncio.Event()
        if not self._unread:
            self._caught_up.set()
        self.activity = Activity()
        # The host calls that were begun and not answered, and how many of them are being carried
        # out. A host call that waits for a person is begun, but is not being carried out.
        self._begun: Counter[str] = Counter()
        self._sending = 0
        self._all_sent = asyncio.Event()
        self._all_sent.set()
        self._asked: list[Asked] = []
        self._diverged = ""
        self._frozen = False
        self._wanted = asyncio.Event()
        self._stopping = asyncio.Event()

    @property
    def conditions(self) -> str:
        """The conditions of the run, for the call to the worker."""
        return self._journal.conditions

    async def drive(self, running: Awaitable[FinishedCall]) -> FinishedCall:
        """Await a run of the pool, whose host calls must go through `answering`.

        Raises:
            Paused: the run waits for a person.
            ReplayDiverged: the run does not repeat what its journal holds.
            ApprovalError: the journal has become too large to keep.
        """
        pausing = asyncio.create_task(self._pause())
        try:
            finished = await running
        finally:
            pausing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pausing
        if not self._diverged and not self._caught_up.is_set():
            self._diverged = "it ended early"
        if self._diverged:
            msg = (
                "the code did not repeat what it did before the approval, so nothing more was "
                f"sent: {self._diverged}. Run the call again, with code that sends the same "
                "requests whenever it gets the same answers"
            )
            raise ReplayDiverged(msg)
        if finished.done.stopped_by != "paused":
            return finished
        if self._journal_bytes > MAX_JOURNAL_BYTES:
            raise ApprovalError(too_large(self._journal_bytes, MAX_JOURNAL_BYTES))
        self._record_conditions(finished)
        raise self._journal.pause(self._asked)

    def answering(self, answer: HostCallHandler) -> HostCallHandler:
        """Return a handler that answers from the journal if it can, and else by `answer`."""

        async def answer_host_call(target: str, payload: str) -> str:
            digest = digest_call(target, payload)
            if self._replies[digest]:
                return self._repeat(digest)
            self._begun[digest] += 1
            await self._wait_for_turn(digest, target, payload)
            return await self._send(digest, answer(target, payload))

        return answer_host_call

    async def ask(self, question: Question, digest: str) -> Answer:
        """Return the answer to the question of a host call.

        Raises:
            StopGuest: there is no answer yet, so this run ends.
        """
        if digest in self._journal.refused:
            return Answer.REFUSE
        if self._answers[digest]:
            answer = self._answers[digest].popleft()
            # One answer is for one action. The next run gets the action's reply from the journal.
            self._journal.answers.remove((digest, answer))
            return answer
        if question.kind in self._journal.approved:
            return Answer.APPROVE_ALL
        self._asked.append(Asked(question, digest))
        self._wanted.set()
        # Else the pause, which waits for everything that is being sent, would wait for this, too.
        self._end_sending()
        self.activity.hold()
        await self._stopping.wait()
        raise StopGuest

    def _repeat(self, digest: str) -> str:
        self._unread -= 1
        if not self._unread:
            self._caught_up.set()
        return self._replies[digest].popleft()

    async def _wait_for_turn(self, digest: str, target: str, payload: str) -> None:
        """Wait until the host call may be sent.

        Raises:
            StopGuest: nothing is sent any more in this run.
        """
        if not self._caught_up.is_set() and digest not in self._expected:
            self._diverge(f"it asked for something new: {_name(target, payload)}")
        # The last run had begun this host call as well, perhaps before some of its replies came.
        elif not self._caught_up.is_set():
            try:
                async with asyncio.timeout(self._journal.seconds + SLACK_SECONDS):
                    await self._caught_up.wait()
            except TimeoutError:
                self._diverge(f"it left out {self._unread} of {len(self._journal.entries)} steps")
        if self._frozen or self._diverged:
            self.activity.hold()
            await self._stopping.wait()
            raise StopGuest

    async def _send(self, digest: str, answering: Awaitable[str]) -> str:
        self._sending += 1
        self._all_sent.clear()
        try:
            reply = await answering
        except Exception:
            # The request may have been sent all the same. With a reply in the journal, the next run
            # does not send it again.
            _log.exception("a host call failed")
            reply = INTERNAL_FAILURE.write()
        self._journal_bytes += len(reply)
        # A reply that does not fit is counted and not kept. After it, this call cannot pause.
        if self._journal_bytes <= MAX_JOURNAL_BYTES:
            self._journal.entries.append(Entry(digest, reply))
        self._begun[digest] -= 1
        self._end_sending()
        return reply

    def _end_sending(self) -> None:
        self._sending -= 1
        if not self._sending:
            self._all_sent.set()

    def _diverge(self, how: str) -> None:
        self._diverged = self._diverged or how
        self._wanted.set()

    async def _pause(self) -> None:
        """Wait for a question or a divergence, and end the guest once it is idle.

        Until then the guest's other tasks may ask more questions, which a person sees together. A
        guest that computes or has a timer is not waited for longer than `PAUSE_SECONDS`.
        """
        await self._wanted.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PAUSE_SECONDS):
                while not self._diverged and not self.activity.is_idle:
                    await self.activity.wait_for_change()
        # From now on nothing new is sent. Requests that were sent get their answers first, so that
        # the journal has them.
        self._frozen = True
        await self._all_sent.wait()
        self._stopping.set()

    def _record_conditions(self, finished: FinishedCall) -> None:
        """Write down what the next run needs to repeat this one."""
        self._journal.begun = sorted((+self._begun).elements())
        self._journal.seconds = max(self._journal.seconds, finished.done.seconds)
        before = Conditions.read(self._journal.conditions)
        # The readings come from a worker that ran hostile code. Without them, the clock of the next
        # run is not repeated.
        try:
            readings_ms = read_readings(finished.done.outcome)
        except (ValueError, RecursionError):
            readings_ms = ()
        conditions = Conditions(before.seed, before.started_at_ns, readings_ms)
        self._journal.conditions = conditions.write()


def _name(target: str, payload: str) -> str:
    """Return a host call's method and path for an error, or else its target.

    Args:
        target: the target of the host call.
        payload: its payload, which the guest wrote; of a request it begins with a line of JSON.
    """
    head = payload.partition("\n")[0][:100_000]
    try:
        found = json.loads(head)
        return f"{found['method']} {found['path']}"[:200]
    except (ValueError, TypeError, KeyError, RecursionError):
        return target[:200]
