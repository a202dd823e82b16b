"""One call, from its record in the log to its result; it may pause for a person and run again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pymode.actions.context import Context
from pymode.actions.layers import Pipeline, make_pipeline
from pymode.actions.recorder import Recorder
from pymode.actions.sent import SentRequest, describe_sent
from pymode.apis.account import AccountFinder
from pymode.apis.namespace import APINamespace
from pymode.apis.sender import Sender
from pymode.call.dispatcher import Dispatcher
from pymode.call.journal import Paused
from pymode.call.kept import KeptResults
from pymode.call.replay import Attempt
from pymode.call.request import CallSettings
from pymode.call.result import Result, Timings, read_outcome_apart
from pymode.call.shared import Policy, Prepared, Shared
from pymode.errors import PymodeError
from pymode.log import OpenCall
from pymode.log.text import name_outcome
from pymode.policy.approvals import ApprovalGate
from pymode.protocol.calls import CallRequest
from pymode.protocol.messages import Call
from pymode.tools.namespace import ToolNamespace


@dataclass(frozen=True, slots=True)
class Run:
    """Runs one call.

    Args:
        shared: what all calls share.
        prepared: the workers, and what the documents say about the APIs.
        policy: judges the actions of an execution.
        call: what to run.
    """

    shared: Shared
    prepared: Prepared
    policy: Policy
    call: CallSettings

    async def finish(self) -> Result:
        """Run the code, record the call in the log, and add what was sent to an error.

        Raises:
            Paused: the approver will answer later.
            PymodeError: the code or the sandbox failed.
        """
        call, log = self.call, self.shared.log
        opened = log.begin_call(
            call.tool,
            call.code,
            api=", ".join(self.shared.names),
            owner=call.owner,
            redact=call.caller.redactor.clean,
        )
        outcome, message = "cancelled", ""
        sent = call.journal.sent
        used: dict[str, float] = {}
        try:
            result = await self._repeat(opened)
            outcome = "ok"
            used = {"fuel": result.fuel, "printed_chars": len(result.logs)}
            return replace(
                result, keep=self._find_kept().keeping(result.value, f"a result of {call.tool}")
            )
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
            if call.tool == "execute":
                used["host_calls"] = len(sent)
            log.end_call(opened, outcome, message=message, used=used)

    async def _repeat(self, opened: OpenCall) -> Result:
        """Run the code, again after each pause for a person."""
        journal, approver = self.call.journal, self.call.approver
        # A journal that has begun is repeated even if nobody can be asked now, because some of its
        # writes may have been sent.
        may_pause = not journal.is_new or (approver is not None and bool(self.shared.rules.approve))
        while True:
            # A call that cannot pause has the real clock and random bytes, and keeps no replies.
            attempt = Attempt(journal) if may_pause else None
            try:
                return await self._run(self._make_dispatcher(opened, attempt), attempt)
            except Paused as paused:
                if approver is None:
                    raise
                journal.settle(await approver.ask(paused))

    async def _run(self, dispatcher: Dispatcher, attempt: Attempt | None) -> Result:
        started = time.monotonic()
        pool, scope, journal = self.prepared.pool, self.call.scope, self.call.journal
        request = CallRequest(
            self.call.code,
            self.shared.limits,
            specs=scope.specs,
            apis=scope.apis,
            tools=scope.tools,
            absent=scope.absent,
            on_demand=scope.on_demand,
            account_id=journal.account_id,
        ).write()
        if attempt is None:
            run = await pool.run(Call(request), dispatcher)
        else:
            answer = dispatcher.with_journal(attempt.answering(dispatcher))
            message = Call(request, attempt.conditions)
            run = await attempt.drive(pool.run(message, answer, attempt.activity))
        value, notes = await read_outcome_apart(run.done, self.shared.limits)
        timings = Timings(
            waited_seconds=run.waited_seconds,
            run_seconds=run.done.seconds,
            total_seconds=time.monotonic() - started,
        )
        sent = tuple(request for request in journal.sent if request.arrived)
        planned = tuple(journal.planned)
        return Result(value, run.done.logs, notes, run.done.fuel, timings, sent, planned)

    def _make_dispatcher(self, opened: OpenCall, attempt: Attempt | None) -> Dispatcher:
        """Return what answers the host calls of one run; a search has no namespaces to call."""
        shared, call = self.shared, self.call
        context = Context(
            limits=shared.limits,
            dry_run=call.dry_run,
            approvals=ApprovalGate(attempt, shared.approvals, call.owner.hex()),
            recorder=Recorder(shared.log, opened),
            elicit=call.elicit,
            progress=call.progress,
            sent=call.journal.sent,
            planned=call.journal.planned,
        )
        pipelines: dict[str, Pipeline] = {}
        account = None
        if call.tool == "execute":
            namespaces = self._make_namespaces()
            pipelines = {each.name: make_pipeline(each) for each in namespaces}
            # `account_id` belongs to the first API.
            first = namespaces[0] if namespaces else None
            if isinstance(first, APINamespace):
                handle, secret = pipelines[first.name].handle, call.caller.secret
                account = AccountFinder(first, handle, context, shared.accounts, secret)
        return Dispatcher(
            context,
            shared.toolbox,
            self._find_kept(),
            shared.states,
            (call.owner, call.session) if call.keep else None,
            pipelines,
            account,
        )

    def _find_kept(self) -> KeptResults:
        call = self.call
        return self.shared.find_kept(call.caller, call.owner if call.keep else None)

    def _make_namespaces(self) -> list[APINamespace | ToolNamespace]:
        """Return new namespaces for one run, APIs first, because each run asks for fresh tokens."""
        shared = self.shared
        namespaces: list[APINamespace | ToolNamespace] = []
        for api, guard in zip(shared.apis, self.policy.guards, strict=True):
            auth = self.call.caller.auths[api.name]
            sender = Sender(api.name, self.prepared.find_base_url(api.name), auth, shared.http)
            namespaces.append(APINamespace(api.name, sender, guard))
        namespaces.extend(
            ToolNamespace(name, shared.toolbox, self.policy.rules)
            for name in shared.toolbox.sources
        )
        return namespaces


def _says_it_all(message: str, sent: Sequence[SentRequest]) -> bool:
    """Say whether an error already names the only request that was sent, and its status."""
    if len(sent) != 1 or sent[0].status is None or sent[0].status < 400:
        return False
    return f"{sent[0].status} {sent[0].method} {sent[0].path}" in message
