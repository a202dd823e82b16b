"""What asks a person for approvals while a call waits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from pymode.call.journal import Paused
from pymode.policy.approvals import Answer, Question


class Approver(Protocol):
    """Asks a person about the questions of a paused call."""

    async def ask(self, paused: Paused) -> Sequence[Answer]:
        """Return one answer for each of `paused.asked`.

        Raises:
            Paused: `paused` itself, if the answers will come later.
            ApprovalError: nobody can be asked after all.
        """


async def ask_each(
    paused: Paused, ask: Callable[[Question], Awaitable[Answer]]
) -> Sequence[Answer]:
    """Ask one question after the other, but none about an operation that was approved for all."""
    answers: list[Answer] = []
    approved: set[str] = set()
    for asked in paused.asked:
        answer = Answer.APPROVE_ALL
        if asked.question.kind not in approved:
            answer = await ask(asked.question)
        if answer is Answer.APPROVE_ALL:
            approved.add(asked.question.kind)
        answers.append(answer)
    return answers
