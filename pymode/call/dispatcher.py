"""Answers the host calls of one run of the code, each by what its target names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pymode.actions.context import Context
from pymode.actions.layers import Pipeline
from pymode.apis.account import AccountFinder
from pymode.apis.namespace import APINamespace
from pymode.call.kept import KeptResults
from pymode.call.state import Session, States
from pymode.errors import RequestRefused
from pymode.protocol import targets
from pymode.protocol.replies import Failure, FailureKind
from pymode.sandbox.hostcalls import HostCallHandler
from pymode.tools.toolbox import Toolbox


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Answers the host calls of one run.

    Args:
        context: the context of the run.
        toolbox: describes tools.
        kept: the results of earlier calls.
        states: the states of all sessions.
        session: the session of the caller; None for a caller without one.
        pipelines: the layers of each namespace that the code may use, by name; none in a search.
        account: finds the account of the first namespace, if that is an API; None in a search.
    """

    context: Context
    toolbox: Toolbox
    kept: KeptResults
    states: States
    session: Session | None
    pipelines: Mapping[str, Pipeline] = field(default_factory=dict)
    account: AccountFinder | None = None

    async def __call__(self, target: str, payload: str) -> str:
        """Return the reply to one host call."""
        if target == targets.RESULTS:
            return await self.kept.answer(payload)
        pipeline = self.pipelines.get(target)
        if pipeline is not None and isinstance(pipeline.namespace, APINamespace):
            # An API counts the bytes of its requests itself.
            return await pipeline.answer(payload, self.context)
        try:
            self.context.count_request(_count_bytes(payload))
        except RequestRefused as error:
            return _refuse(str(error))
        reply = await self._answer(target, payload)
        self.context.traffic_bytes += _count_bytes(reply)
        return reply

    def with_journal(self, journaled: HostCallHandler) -> HostCallHandler:
        """Return a handler that answers some host calls directly and the others by `journaled`.

        Kept results and descriptions of tools stay out of the journal. They are large, and a
        repeated run may ask for others, because that depends on what a server said at its start.
        """

        async def answer(target: str, payload: str) -> str:
            is_direct = target in (targets.RESULTS, targets.TOOLS)
            return await (self if is_direct else journaled)(target, payload)

        return answer

    async def _answer(self, target: str, payload: str) -> str:
        if target in self.pipelines:
            return await self.pipelines[target].answer(payload, self.context)
        if target == targets.TOOLS:
            return await self.toolbox.answer(payload, self.context.limits.response_bytes)
        if target == targets.STATE:
            return self.states.answer(self.session, payload)
        if self.account is not None and target == self.account.target:
            return await self.account.answer()
        return _refuse(f"there is no {target[:100]!r} in this call")


def _count_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _refuse(message: str) -> str:
    return Failure(FailureKind.REFUSED, message).write()
