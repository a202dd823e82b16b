"""Records the actions of one call in the log."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from pymode.errors import LogError, RequestRefused
from pymode.log import Log, OpenCall
from pymode.policy.action import Action


@dataclass(frozen=True, slots=True)
class End:
    """How an action ended, as the log names it.

    Args:
        outcome: what the log says; None for "answered" if there is a status, else "failed".
        status: the HTTP status; None without an answer, and for a tool.
        attempts: how often the action was tried.
    """

    outcome: str | None = None
    status: int | None = None
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Recorder:
    """Records the actions of one call.

    Args:
        log: the log that they are recorded in.
        call: the call that they belong to.
    """

    log: Log
    call: OpenCall

    async def begin(self, action: Action) -> Callable[[End], None]:
        """Record that an action is about to be carried out; a write is committed on return.

        Returns:
            A function that records how the action ended.

        Raises:
            RequestRefused: the action is a write that cannot be recorded, so it must not be carried
                out.
        """
        try:
            record = await self.log.begin_request(
                self.call,
                action.method,
                action.shown_path,
                is_write=action.is_write,
                query=action.parameters,
                approval=action.approval,
            )
        except LogError as error:
            raise RequestRefused(f"{error}; {action.nothing_happened}") from error
        started = time.perf_counter()

        def end(how: End) -> None:
            self.log.end_request(
                record,
                how.status,
                time.perf_counter() - started,
                outcome=how.outcome,
                attempts=how.attempts,
            )

        return end

    def note(self, action: Action, outcome: str, reason: str = "") -> None:
        """Record an action that is not carried out.

        Args:
            action: the action that the code asked for.
            outcome: such as "denied" or "dry run".
            reason: the rule or the check that stopped it.
        """
        self.log.note_request(
            self.call,
            action.method,
            action.shown_path,
            is_write=action.is_write,
            outcome=outcome,
            reason=reason,
        )
