"""Requests that wait for a person: what is asked, what is answered, and who may ask.

A request that the rules hold is described in a `Question`. Where a person can be asked, the run
is paused and its questions go to an `Approver`; elsewhere the request is refused with an id that
the operator approves, and the next run of the same request passes, once.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pymode.errors import ApprovalError, RuleRefused

if TYPE_CHECKING:
    from pymode.call.journal import Journal

APPROVAL_SECONDS = 600.0
WAITING_APPROVALS = 1_000


class Answer(enum.Enum):
    """What a person says to one question."""

    APPROVE = "approve"
    REFUSE = "refuse"
    APPROVE_ALL = "approve all"


@dataclass(frozen=True, slots=True)
class Question:
    """One request that waits for a person; everything in it may be shown.

    Args:
        method: in capitals.
        path: as it would be sent, with the query, secrets masked.
        operation: the template of the path where the document has one, else the path itself.
        operation_id: None when the document gives none.
        summary: of the operation; may be empty.
        body_text: headers and body with secrets masked, bounded; may be empty.
        rule: the rule that holds the request, as the operator wrote it.
    """

    method: str
    path: str
    operation: str
    operation_id: str | None
    summary: str
    body_text: str
    rule: str

    @property
    def kind(self) -> str:
        """What "all of this operation" means."""
        return f"{self.method} {self.operation}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the digest of the exact request that it is about."""

    question: Question
    digest: str


class Paused(ApprovalError):
    """A call waits for a person; what it has sent so far is in its journal.

    Args:
        asked: the questions of this moment.
        journal: continue with it, once the answers are settled in it.
    """

    def __init__(self, asked: Sequence[Asked], journal: Journal) -> None:
        names = ", ".join(f"{each.question.method} {each.question.path}" for each in asked)
        super().__init__(f"the call waits for the approval of {names[:1000]}")
        self.asked = tuple(asked)
        self.journal = journal


class Approver(Protocol):
    """Someone who can be asked while a call waits."""

    async def ask(self, paused: Paused) -> Sequence[Answer]:
        """The answers, one for each of `paused.asked`.

        Raises:
            Paused: `paused` itself, where the answers will come later.
            ApprovalError: nobody can be asked after all.
        """


async def ask_each(
    paused: Paused, ask: Callable[[Question], Awaitable[Answer]]
) -> Sequence[Answer]:
    """Ask one question after the other; those of an operation that is approved are not asked."""
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


class ApprovalStore(Protocol):
    """Approvals by id, for those who cannot be asked at once."""

    async def add(self, question: Question, digest: str, owner: str) -> str:
        """Keep what was refused and return its id; the same request gets the same id again."""

    async def take(self, digest: str, owner: str) -> str | None:
        """The id under which this request was approved, which is used up now; None if none."""


class Desk(Protocol):
    """Where a run hands in its questions; see `pymode.call.replay.Attempt`."""

    async def ask(self, question: Question, digest: str) -> Answer:
        """The answer; the run may be ended and repeated before there is one."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Where the requests of one run pass that the rules hold.

    Args:
        desk: takes questions; None where nobody can be asked during the call.
        store: approvals by id; None where there are none.
        owner: whose approvals count, such as a digest of the token.
    """

    desk: Desk | None = None
    store: ApprovalStore | None = None
    owner: str = ""

    async def admit(self, question: Question, digest: str) -> str:
        """Return how the request was approved, for the log, when it may be sent.

        Args:
            question: what a person reads.
            digest: of the exact request and the API, see `journal.digest_request`.

        Raises:
            RuleRefused: a person refused it, or has yet to approve it.
        """
        name = f"{question.method} {question.path}"
        identifier = await self.store.take(digest, self.owner) if self.store else None
        if identifier is not None:
            return f"approved by id {identifier}"
        if self.desk is not None:
            answer = await self.desk.ask(question, digest)
            if answer is Answer.REFUSE:
                raise RuleRefused(f"the person refused {name}; nothing was sent")
            return "approved" if answer is Answer.APPROVE else f"approved all of {question.kind}"
        held = f"{name} needs a person's approval ({question.rule}) and was not sent"
        if self.store is None:
            raise RuleRefused(f"{held}; nobody can be asked here")
        identifier = await self.store.add(question, digest, self.owner)
        msg = (
            f"{held}: ask the operator to run `pymode approve {identifier}`, then send the same "
            f"request again within {APPROVAL_SECONDS / 60:.0f} minutes"
        )
        raise RuleRefused(msg)
