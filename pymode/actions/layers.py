"""The way of every action: judge, hold back, approve, record, carry out.

Each layer is a callable of one shape. It takes an action and the context, and either answers
itself or hands the action on to the next layer. `make_pipeline` puts them together in the only
right order: a rule decides before a person is asked, nobody is asked about a write that a dry run
holds back, and a write is recorded before it is carried out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from pymode.actions import apart
from pymode.actions.context import Context
from pymode.actions.namespace import AnyNamespace
from pymode.actions.sent import Planned
from pymode.errors import LogError, RequestRefused, RuleRefused
from pymode.policy.action import Action

MAX_PLANNED_CHARS = 2_000

Layer: TypeAlias = Callable[[Action, Context], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """All layers of one namespace, from the payload of a host call to its reply.

    Args:
        namespace: reads the action, carries it out and writes the reply.
        handle: the first layer.
    """

    namespace: AnyNamespace
    handle: Layer

    async def answer(self, payload: str, context: Context) -> str:
        """Return the reply to one host call; bad input and failures are replies, too."""
        try:
            action = await self.namespace.read(payload, context)
            return self.namespace.write(await self.handle(action, context))
        except self.namespace.failures as error:
            return self.namespace.write_failure(error)


def make_pipeline(namespace: AnyNamespace) -> Pipeline:
    """Return the layers around what carries out the actions of a namespace."""
    record = Record(namespace, namespace.carry_out)
    approve = Approve(namespace, record)
    hold_back = HoldBack(namespace, approve)
    return Pipeline(namespace, Judge(namespace, hold_back))


@dataclass(frozen=True, slots=True)
class Judge:
    """Refuses what the rules or the document forbid."""

    namespace: AnyNamespace
    next: Layer

    async def __call__(self, action: Action, context: Context) -> Any:
        """Hand on the action with what the policy found about it."""
        try:
            judged = await apart.judge(self.namespace.judge, action, context)
        except RequestRefused as error:
            # A refused action never reaches `Record`, so it is noted here.
            if context.recorder is not None:
                outcome = "denied" if isinstance(error, RuleRefused) else "refused"
                context.recorder.note(action, outcome, str(error))
            raise
        return await self.next(judged, context)


@dataclass(frozen=True, slots=True)
class HoldBack:
    """Answers writes with an example in a dry run."""

    namespace: AnyNamespace
    next: Layer

    async def __call__(self, action: Action, context: Context) -> Any:
        """Plan a write, or hand on the action."""
        if not (context.dry_run and action.is_write):
            return await self.next(action, context)
        body = self.namespace.show(action)[:MAX_PLANNED_CHARS]
        context.planned.append(Planned(action.method, action.shown_path, body))
        if context.recorder is not None:
            context.recorder.note(action, "dry run")
        return self.namespace.pretend(action)


@dataclass(frozen=True, slots=True)
class Approve:
    """Asks a person about an action that a rule holds; the run may be ended and repeated for it."""

    namespace: AnyNamespace
    next: Layer

    async def __call__(self, action: Action, context: Context) -> Any:
        """Hand on the action once it is approved."""
        if not action.held_by:
            return await self.next(action, context)
        question, digest = self.namespace.ask(action)
        try:
            approval = await context.approvals.admit(question, digest)
        except RuleRefused as error:
            if context.recorder is not None:
                context.recorder.note(action, "not approved", str(error))
            raise
        # The store of approvals failed. A namespace writes refusals for the guest, but no LogError.
        except LogError as error:
            raise RequestRefused(f"{error}; {action.nothing_happened}") from error
        return await self.next(replace(action, approval=approval), context)


@dataclass(frozen=True, slots=True)
class Record:
    """Records an action before and after it is carried out."""

    namespace: AnyNamespace
    next: Layer

    async def __call__(self, action: Action, context: Context) -> Any:
        """Hand on the action between two records."""
        if context.recorder is None:
            return await self.next(action, context)
        end = await context.recorder.begin(action)
        try:
            result = await self.next(action, context)
        # A cancelled action may have been carried out, so its end is recorded as well.
        except BaseException as error:
            end(self.namespace.end_of_failure(error))
            raise
        end(self.namespace.end(result))
        return result
