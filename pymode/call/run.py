"""One call, from its record in the log to its result: run, paused for a person, run again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pymode.actions import Namespace, SentRequest
from pymode.actions.sent import describe_sent
from pymode.call.hostcalls import HostCalls
from pymode.call.journal import Journal
from pymode.call.kept import Shelf
from pymode.call.replay import Attempt
from pymode.call.result import Result, Timings, read_outcome
from pymode.errors import CodeRejected, LimitExceeded, PymodeError
from pymode.limits import Limits
from pymode.log import Log, OpenCall
from pymode.log.text import Redact, name_outcome
from pymode.policy.approvals import Approver, Paused
from pymode.protocol import targets
from pymode.protocol.calls import CallRequest
from pymode.protocol.messages import Call
from pymode.sandbox.hostcalls import HostCallHandler
from pymode.sandbox.pool import Pool

MakeHostCalls = Callable[[OpenCall, Attempt | None], HostCalls]


@dataclass(frozen=True, slots=True)
class Scope:
    """What the code finds by name.

    Args:
        specs: what the documents are called, in the order of the image.
        apis: those that it may call.
        tools: namespaces of tools that it may call, with the descriptions that it is sure to need.
        absent: names that are there in the other operation only.
        on_demand: what it is given if it reads it.
    """

    specs: tuple[str, ...] = ()
    apis: tuple[str, ...] = ()
    tools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    on_demand: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """One call of `search` or `execute`.

    Args:
        tool: which of them.
        code: as it came.
        scope: what the code finds.
        make_host_calls: what answers it, made anew for each run of the code.
        limits: what it may use.
        shelf: where a large result goes.
        log: where it is recorded.
        title: what the log calls what it is about.
        owner: whose call it is.
        redact: takes secrets out of what is recorded.
        journal: of a call that paused; new for a new one.
        approver: who can be asked.
        may_pause: whether the rules let it wait for a person.
    """

    tool: str
    code: str
    scope: Scope
    make_host_calls: MakeHostCalls
    limits: Limits
    shelf: Shelf
    log: Log
    title: str
    owner: bytes
    redact: Redact
    journal: Journal = field(default_factory=Journal)
    approver: Approver | None = None
    may_pause: bool = False

    async def finish(self, pool: Pool) -> Result:
        """Run the code between two records, and say in its error what was sent.

        Args:
            pool: the workers.

        Raises:
            Paused: the approver will answer later.
            PymodeError: the code failed, or the sandbox did.
        """
        call = self.log.begin_call(
            self.tool, self.code, api=self.title, owner=self.owner, redact=self.redact
        )
        outcome, message = "cancelled", ""
        sent = self.journal.sent
        used: dict[str, float] = {}
        try:
            result = await self._repeat(pool, call)
            outcome = "ok"
            used = {"fuel": result.fuel, "printed_chars": len(result.logs)}
            keep = self.shelf.keeping(result.value, f"a result of {self.tool}")
            return replace(result, keep=keep)
        except PymodeError as error:
            outcome = name_outcome(error)
            if any(request.arrived for request in sent) and not _says_it_all(str(error), sent):
                error.args = (f"{error}\n{describe_sent(sent)}", *error.args[1:])
            message = str(error)
            raise
        except asyncio.CancelledError as error:
            if any(request.arrived for request in sent):
                message = describe_sent(sent)
                error.add_note(message)
            raise
        except Exception:
            outcome, message = "failed inside", describe_sent(sent)
            raise
        finally:
            if self.tool == "execute":
                used["host_calls"] = len(sent)
            self.log.end_call(call, outcome, message=message, used=used)

    async def _repeat(self, pool: Pool, call: OpenCall) -> Result:
        """Run the code, again after each pause for a person."""
        # A journal that has begun is repeated whoever can be asked now: its writes were sent.
        may_pause = not self.journal.is_new or (self.approver is not None and self.may_pause)
        while True:
            # Only calls that may pause have a clock and random bytes that can be repeated.
            attempt = Attempt(self.journal) if may_pause else None
            try:
                return await self._run(pool, self.make_host_calls(call, attempt), attempt)
            except Paused as paused:
                if self.approver is None:
                    raise
                self.journal.settle(await self.approver.ask(paused))

    async def _run(self, pool: Pool, host_calls: HostCalls, attempt: Attempt | None) -> Result:
        started = time.monotonic()
        hosts: Mapping[str, Namespace] = host_calls.hosts
        for host in hosts.values():
            host.sent, host.planned = self.journal.sent, self.journal.planned
        request = CallRequest(
            self.code,
            self.limits,
            specs=self.scope.specs,
            apis=self.scope.apis,
            tools=self.scope.tools,
            absent=self.scope.absent,
            on_demand=self.scope.on_demand,
            account_id=self.journal.account_id,
        ).write()
        if attempt is None:
            run = await pool.run(Call(request), self.shelf.answering(host_calls))
        else:
            # Kept results and descriptions of tools stay out of the journal: they are large, and
            # which of them are asked for depends on what a server said when the run began.
            journaled = _describing(host_calls, attempt.answering(host_calls))
            answer = self.shelf.answering(journaled)
            call = Call(request, attempt.conditions)
            run = await attempt.drive(pool.run(call, answer, attempt.activity))
        value, notes = read_outcome(run.done, self.limits)
        timings = Timings(
            waited_seconds=run.waited_seconds,
            run_seconds=run.done.seconds,
            total_seconds=time.monotonic() - started,
        )
        sent = tuple(request for request in self.journal.sent if request.arrived)
        planned = tuple(self.journal.planned)
        return Result(value, run.done.logs, notes, run.done.fuel, timings, sent, planned)


def _describing(direct: HostCallHandler, journaled: HostCallHandler) -> HostCallHandler:
    async def through(target: str, payload: str) -> str:
        return await (direct if target == targets.TOOLS else journaled)(target, payload)

    return through


def _says_it_all(message: str, sent: Sequence[SentRequest]) -> bool:
    """Say whether an error is about the only request that was sent, and names it and its status."""
    if len(sent) != 1 or sent[0].status is None or sent[0].status < 400:
        return False
    return f"{sent[0].status} {sent[0].method} {sent[0].path}" in message


def check_source(code: str, limits: Limits) -> None:
    """Look at nothing but size and encoding: hostile source is parsed in the sandbox only.

    Raises:
        CodeRejected: it is not text.
        LimitExceeded: there is too much of it.
    """
    try:
        size = len(code.encode())
    except UnicodeEncodeError:
        raise CodeRejected("the code is not valid UTF-8: it holds half surrogate pairs") from None
    if size > limits.source_bytes:
        msg = (
            f"the code has {size:,} bytes; at most {limits.source_bytes:,} are taken. "
            "Send less code"
        )
        raise LimitExceeded(msg, limit="source_bytes")
