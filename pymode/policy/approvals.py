"""Approvals: what a person is asked about an action, and what the answer permits.

An action that a rule holds is described in a `Question`. If a person can be asked during the call,
the run is paused and asks. If not, the action is refused with an id that the operator can approve;
the next run of the same action is then permitted once.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from pymode.errors import RuleRefused

# How long a refused request waits for its approval, and how long the approval then holds.
APPROVAL_SECONDS = 600.0
# The most requests of one owner that may wait for an approval by id.
WAITING_APPROVALS = 1_000


class Answer(enum.Enum):
    """What a person says to one question."""

    APPROVE = "approve"
    REFUSE = "refuse"
    APPROVE_ALL = "approve all"


@dataclass(frozen=True, slots=True)
class Question:
    """One action that waits for a person; everything in it may be shown.

    Args:
        method: the method in capitals; of a tool, "READ" or "CALL".
        path: the path as it would be sent, with the query; secrets are masked.
        operation: the template of the path if the document has one, else the path itself. An odd
            path and a GraphQL request are followed by a digest, see `pymode.policy.questions`.
        operation_id: the operationId, or a tool's own name; None if the document gives none.
        summary: the summary of the operation or the tool; may be empty.
        body_text: headers and body, or arguments, with secrets masked and of bounded length; may
            be empty.
        rule: the rule that holds the action, as the operator wrote it, and where it stands.
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
        """The method and the operation: what "approve all of this operation" covers."""
        return f"{self.method} {self.operation}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the digest of the exact action that it is about."""

    question: Question
    digest: str


class ApprovalStore(Protocol):
    """Keeps approvals by id, for operators who cannot be asked during the call."""

    async def add(self, question: Question, digest: str, owner: str) -> str:
        """Keep what was refused and return its id; the same request gets the same id again."""

    async def take(self, digest: str, owner: str) -> str | None:
        """Return the id under which this request was approved, or None; an id can be used once."""


class Asker(Protocol):
    """Asks a person during a call; see `pymode.call.replay.Attempt`."""

    async def ask(self, question: Question, digest: str) -> Answer:
        """Return the answer; the run may be ended and repeated before there is one."""


@dataclass(frozen=True, slots=True)
class ApprovalGate:
    """Lets an action pass that a rule holds, once a person has approved it.

    Args:
        asker: asks a person; None where nobody can be asked during the call.
        store: approvals by id; None where there are none.
        owner: whose approvals count, such as a digest of the token.
    """

    asker: Asker | None = None
    store: ApprovalStore | None = None
    owner: str = ""

    async def admit(self, question: Question, digest: str) -> str:
        """Return how a person approved the action, for the log.

        Args:
            question: what the person reads.
            digest: the digest of the exact action, see `pymode.policy.digest`.

        Raises:
            RuleRefused: a person refused the action, or has yet to approve it.
            LogError: the store of approvals cannot be read or written.
        """
        name = f"{question.method} {question.path}"
        identifier = await self.store.take(digest, self.owner) if self.store else None
        if identifier is not None:
            return f"approved by id {identifier}"
        if self.asker is not None:
            answer = await self.asker.ask(question, digest)
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
