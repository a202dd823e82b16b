"""What a call has sent and planned, and the line about it in an error.

The reader of an error must not have to guess which writes were sent and which were answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pymode.policy.action import SAFE_METHODS

MAX_TOTAL_CHARS = 800
# For the last parts: the titles, the counts, and what the reads got.
RESERVED_CHARS = 240
MAX_PATH_CHARS = 120
STATUSES = 6


@dataclass(frozen=True, slots=True)
class SentRequest:
    """One attempt to carry out an action: a request that was sent, or a tool that was called.

    Args:
        method: such as "GET"; of a tool, "READ" or "CALL".
        path: below the base URL, without the query; of a tool, such as "/db/query".
        status: the HTTP status; None when no answer came back, and for a tool.
        seconds: from sending to the end of the answer.
        arrived: False only when surely nothing was sent.
        write: whether it may change something; None leaves that to the method.
        ended: how the call of a tool ended; "" for a request, and for a tool without an end.
    """

    method: str
    path: str
    status: int | None
    seconds: float
    arrived: bool = True
    write: bool | None = None
    ended: Literal["", "returned", "raised"] = ""

    @property
    def is_write(self) -> bool:
        """Whether it may have changed something."""
        return self.method not in SAFE_METHODS if self.write is None else self.write

    @property
    def is_answered(self) -> bool:
        """Whether it is known how it ended."""
        return self.status is not None or bool(self.ended)

    @property
    def answer(self) -> str:
        """How it ended: an HTTP status, "returned" or "raised"; "" if nobody knows."""
        return self.ended or ("" if self.status is None else str(self.status))


@dataclass(frozen=True, slots=True)
class Planned:
    """A write that a dry run did not carry out.

    Args:
        method: such as "POST"; of a tool, "CALL".
        path: below the base URL, without the query; of a tool, such as "/db/erase".
        body: its text, without the token and cut; "" for none.
    """

    method: str
    path: str
    body: str


def describe_sent(requests: Sequence[SentRequest]) -> str:
    """Describe what a call has sent: it names the writes and counts the reads.

    Args:
        requests: the attempts of the call, in the order in which they ended.

    Returns:
        One line of about 800 characters at most, or some more with long paths. Writes without an
        answer come first. The first write of each group is named; those left out are counted.
    """
    if not requests:
        return "No request was sent."
    sent = [request for request in requests if request.arrived]
    writes = [request for request in sent if request.is_write]
    unknown = [request for request in writes if not request.is_answered]
    answered = [request for request in writes if request.is_answered]
    unsent = [request for request in requests if not request.arrived and request.is_write]
    parts: list[str] = []
    left = MAX_TOTAL_CHARS - RESERVED_CHARS
    for title, group in (
        ("Sent without an answer, may have taken effect", unknown),
        ("Writes sent and answered", answered),
        ("Not sent", unsent),
    ):
        if group:
            text = list_writes(group, left)
            parts.append(f"{title}: {text}.")
            left -= len(parts[-1])
    if not writes:
        parts.insert(0, "No write was sent.")
    reads = [request for request in requests if not request.is_write]
    if reads:
        parts.append(f"Reads: {count_answers(reads)}.")
    return " ".join(parts)


def list_writes(writes: Iterable[SentRequest], max_chars: int) -> str:
    """List writes in their order, equal ones once, and count those that there is no room for."""
    counts = Counter((write.method, write.path, write.answer) for write in writes)
    texts: list[str] = []
    rest: Counter[str] = Counter()
    chars = 0
    for (method, path, answer), count in counts.items():
        text = f"{method} {shorten(path)} {answer}".rstrip()
        text += f" ({count} times)" if count > 1 else ""
        chars += len(text) + 2
        # The first write is always named. Once one was left out, no later one is named: the list
        # would look complete up to it.
        if texts and (rest or chars > max_chars):
            rest[answer] += count
        else:
            texts.append(text)
    if rest:
        known = Counter({answer: count for answer, count in rest.items() if answer})
        texts.append(f"and {rest.total()} more" + (f" ({write_counts(known)})" if known else ""))
    return "; ".join(texts)


def count_answers(reads: Sequence[SentRequest]) -> str:
    """Count reads by what came back."""
    answers = Counter(read.answer for read in reads if read.is_answered)
    texts = [write_counts(answers)] if answers else []
    lost = sum(read.arrived and not read.is_answered for read in reads)
    if lost:
        texts.append(f"{lost} without an answer")
    unsent = sum(not read.arrived for read in reads)
    if unsent:
        texts.append(f"{unsent} not sent")
    return ", ".join(texts)


def write_counts(answers: Counter[str]) -> str:
    """Write how many got which answer: "12 got 200, 1 got 404, 2 returned"."""
    common = answers.most_common()
    texts = [
        f"{count} got {answer}" if answer.isdecimal() else f"{count} {answer}"
        for answer, count in common[:STATUSES]
    ]
    if len(common) > STATUSES:
        texts.append(f"{sum(count for _, count in common[STATUSES:])} got others")
    return ", ".join(texts)


def shorten(path: str) -> str:
    """Cut the middle out of a long path."""
    if len(path) <= MAX_PATH_CHARS:
        return path
    half = MAX_PATH_CHARS // 2
    return f"{path[:half]}…{path[-half:]}"
