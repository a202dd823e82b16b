"""The journal of a call that pauses: every reply so far, so that nothing is sent twice.

It can be written as bytes, which the server seals for a client that brings them back.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from pymode.actions.sent import Planned, SentRequest
from pymode.errors import ApprovalError
from pymode.policy.approvals import Answer, Asked

# Parsed JSON of this size takes some 100 MB of memory.
MAX_JOURNAL_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One host call that was answered.

    Args:
        digest: the digest of its target and payload.
        reply: the reply that the guest got.
    """

    digest: str
    reply: str


@dataclass(slots=True)
class Journal:
    """What all runs of one call have received and sent so far.

    Args:
        conditions: clock and random bytes, as `pymode.sandbox.conditions` writes them.
        seconds: how long the longest run took that paused.
        entries: the replies, in the order in which they came.
        begun: the digests of the host calls that the last run had begun and that were not sent.
        asked: for each question of the last pause, the action's digest and the question's kind.
        answers: the approvals that are not used up yet, each with the action's digest.
        approved: the kinds of which every action is approved.
        refused: the digests of the actions that a person refused.
        sent: every attempt to carry out an action, for the result.
        planned: the writes that a dry run held back, for the result.
        account_id: the account that the first run was given; each later run is given the same.
        call: the id of this call in the log.
    """

    conditions: str = ""
    seconds: float = 0.0
    entries: list[Entry] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    answers: list[tuple[str, Answer]] = field(default_factory=list)
    approved: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    sent: list[SentRequest] = field(default_factory=list)
    planned: list[Planned] = field(default_factory=list)
    account_id: str | None = None
    call: str = ""

    @property
    def is_new(self) -> bool:
        """Whether no run has begun with this journal."""
        return not self.conditions

    def pause(self, asked: Sequence[Asked]) -> Paused:
        """Note the questions, and return the exception to raise."""
        self.asked = [(each.digest, each.question.kind) for each in asked]
        return Paused(asked, self)

    def settle(self, answers: Sequence[Answer]) -> None:
        """Note the answers to the questions of the last pause, in their order.

        Raises:
            ApprovalError: there are more or fewer of them than questions.
        """
        if len(answers) != len(self.asked):
            raise ApprovalError(f"{len(self.asked)} questions got {len(answers)} answers")
        for (digest, kind), answer in zip(self.asked, answers, strict=True):
            if answer is Answer.REFUSE:
                self.refused.add(digest)
            else:
                self.answers.append((digest, answer))
            if answer is Answer.APPROVE_ALL:
                self.approved.add(kind)
        self.asked = []

    def write(self) -> bytes:
        """Return the journal as bytes that `read` understands.

        Raises:
            ApprovalError: the journal is larger than `MAX_JOURNAL_BYTES`.
        """
        found = {
            "conditions": self.conditions,
            "seconds": self.seconds,
            "entries": [[entry.digest, entry.reply] for entry in self.entries],
            "begun": self.begun,
            "asked": self.asked,
            "answers": [[digest, answer.value] for digest, answer in self.answers],
            "approved": sorted(self.approved),
            "refused": sorted(self.refused),
            "sent": [asdict(request) for request in self.sent],
            "planned": [asdict(write) for write in self.planned],
            "account_id": self.account_id,
            "call": self.call,
        }
        data = json.dumps(found).encode()
        if len(data) > MAX_JOURNAL_BYTES:
            raise ApprovalError(too_large(len(data), MAX_JOURNAL_BYTES))
        return zlib.compress(data, 6)

    @classmethod
    def read(cls, data: bytes) -> Journal:
        """Read what `write` returned; the seal has made sure that nobody changed it.

        Raises:
            ApprovalError: the bytes are something else.
        """
        try:
            # Compressed bytes can be made that unpack to far more than any journal has.
            text = zlib.decompressobj().decompress(data, MAX_JOURNAL_BYTES + 1)
            found = json.loads(text)
            return cls(
                conditions=found["conditions"],
                seconds=found["seconds"],
                entries=[Entry(*each) for each in found["entries"]],
                begun=found["begun"],
                asked=[(digest, kind) for digest, kind in found["asked"]],
                answers=[(digest, Answer(answer)) for digest, answer in found["answers"]],
                approved=set(found["approved"]),
                refused=set(found["refused"]),
                sent=[SentRequest(**each) for each in found["sent"]],
                planned=[Planned(**each) for each in found["planned"]],
                account_id=found["account_id"],
                call=found["call"],
            )
        except (ValueError, TypeError, KeyError, RecursionError, zlib.error):
            raise ApprovalError("the journal of this call cannot be read; run it again") from None


class Paused(ApprovalError):
    """A call waits for a person; its journal has what was sent so far.

    Args:
        asked: the questions to ask.
        journal: the journal with which the call goes on, once `Journal.settle` has the answers.
    """

    def __init__(self, asked: Sequence[Asked], journal: Journal) -> None:
        names = ", ".join(f"{each.question.method} {each.question.path}" for each in asked)
        super().__init__(f"the call waits for the approval of {names[:1000]}")
        self.asked = tuple(asked)
        self.journal = journal


def too_large(size_bytes: int, max_bytes: int) -> str:
    """Return the message for a journal that is too large to keep."""
    return (
        f"the answers that the call received before its approval are too large to keep "
        f"({size_bytes / 1024:,.0f} KiB, at most {max_bytes / 1024:,.0f}): read less in a call "
        "that writes, or send the writes first; the request that waited was not sent"
    )
