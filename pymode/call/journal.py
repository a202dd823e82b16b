"""The journal of a call that pauses: every reply so far, so that nothing is sent twice.

It can be written as bytes, for a client that brings it back; whoever hands it out seals it.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from pymode.actions import Planned, SentRequest
from pymode.apis.outgoing import Outgoing
from pymode.errors import ApprovalError
from pymode.policy.approvals import Answer, Asked, Paused

# What JSON of this size becomes in memory is some 100 MB.
JOURNAL_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One host call that was answered.

    Args:
        digest: of target and payload.
        reply: what the guest got.
    """

    digest: str
    reply: str


@dataclass(slots=True)
class Journal:
    """What the runs of one call came to so far.

    Args:
        conditions: clock and random bytes, as `pymode.sandbox.conditions` writes them.
        seconds: how long the run took that paused.
        entries: replies, in the order in which they came.
        begun: digests of host calls that the last run had begun and that were not sent.
        asked: for each question of the last pause the request's digest and kind.
        answers: for each question that was answered the digest and the answer.
        approved: kinds of request of which all are approved.
        refused: digests of requests that nobody need be asked about again.
        sent: what was sent, for the result.
        account_id: what the first run was told, as each later one must be.
        call: under which id the log has this call; whoever logs may put it here.
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
        """Whether no run has begun with it."""
        return not self.conditions

    def pause(self, asked: Sequence[Asked]) -> Paused:
        """Note what is asked; return what to raise."""
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
        """The journal as bytes that `read` takes."""
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
        if len(data) > JOURNAL_BYTES:
            raise ApprovalError(too_large(len(data), JOURNAL_BYTES))
        return zlib.compress(data, 6)

    @classmethod
    def read(cls, data: bytes) -> Journal:
        """Read what `write` wrote, and its seal has protected since.

        Raises:
            ApprovalError: it is something else.
        """
        try:
            text = zlib.decompressobj().decompress(data, JOURNAL_BYTES + 1)
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


def too_large(size_bytes: int, most_bytes: int) -> str:
    """The sentence for a journal that is too large to keep."""
    return (
        f"the answers that the call received before its approval are too large to keep "
        f"({size_bytes / 1024:,.0f} KiB, at most {most_bytes / 1024:,.0f}): read less in a call "
        "that writes, or send the writes first; the request that waited was not sent"
    )


def digest_call(target: str, payload: str) -> str:
    """The digest of a host call, whatever it asks for."""
    return _digest(target.encode("utf-8", "replace"), payload.encode("utf-8", "replace"))


def digest_request(outgoing: Outgoing, base_url: str) -> str:
    """The digest of an exact request to one API: method, path, query, headers and bodies.

    Args:
        outgoing: the request, before the token is added.
        base_url: of the API.
    """
    head = [base_url, outgoing.method, outgoing.path, list(outgoing.query)]
    parts = [json.dumps([*head, sorted(outgoing.headers.items())]).encode()]
    parts.append(b"" if outgoing.content is None else b"body" + outgoing.content)
    for name, (filename, content, content_type) in outgoing.files or ():
        parts += [json.dumps([name, filename, content_type]).encode(), content]
    return _digest(*parts)


def _digest(*parts: bytes) -> str:
    """SHA-256 over parts whose lengths count, so that no two lists of parts are alike."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.hexdigest()
