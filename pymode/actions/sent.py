"""Say which requests were sent and which were answered: nobody should have to guess."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from pymode.actions import SentRequest

READS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "READ"})
TOOL_METHODS = frozenset({"CALL", "READ"})
TOTAL_CHARS = 800
PATH_CHARS = 120
STATUSES = 6


def describe_sent(requests: Sequence[SentRequest]) -> str:
    """List the requests of a call, writes first and one by one, reads by number.

    Args:
        requests: in the order in which they ended.

    Returns:
        One line of 800 characters, or some more with long paths. Writes without an answer come
        first; the first of each kind is named, and what is left out is counted.
    """
    if not requests:
        return "No request was sent."
    sent = [request for request in requests if request.arrived]
    writes = [request for request in sent if is_write(request)]
    unknown = [request for request in writes if request.status is None]
    answered = [request for request in writes if request.status is not None]
    unsent = [request for request in requests if not request.arrived and is_write(request)]
    parts: list[str] = []
    left = TOTAL_CHARS - 240
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
    reads = [request for request in requests if not is_write(request)]
    if reads:
        parts.append(f"Reads: {count_statuses(reads)}.")
    return " ".join(parts)


def is_write(request: SentRequest) -> bool:
    """Say whether a request may change something."""
    return request.method not in READS if request.write is None else request.write


def list_writes(writes: Iterable[SentRequest], most_chars: int) -> str:
    """List writes in their order, equal ones once; count those for which no room is left."""
    counts = Counter((write.method, write.path, write.status) for write in writes)
    texts: list[str] = []
    rest: Counter[int | None] = Counter()
    chars = 0
    for (method, path, status), count in counts.items():
        text = f"{method} {shorten(path)}{_name_status(method, status)}"
        text += f" ({count} times)" if count > 1 else ""
        chars += len(text) + 2
        # The first is always named, and after a gap nothing is.
        if texts and (rest or chars > most_chars):
            rest[status] += count
        else:
            texts.append(text)
    if rest:
        known = {status: count for status, count in rest.items() if status is not None}
        texts.append(f"and {rest.total()} more" + (f" ({write_counts(known)})" if known else ""))
    return "; ".join(texts)


def _name_status(method: str, status: int | None) -> str:
    """Write a status; a tool has none of HTTP, see `pymode.tools.host`."""
    if status is None:
        return ""
    if method in TOOL_METHODS:
        return " returned" if status < 400 else " raised"
    return f" {status}"


def count_statuses(reads: Sequence[SentRequest]) -> str:
    """Count reads by what came back."""
    answers = Counter(read.status for read in reads if read.status is not None)
    texts = [write_counts(answers)] if answers else []
    lost = sum(read.arrived and read.status is None for read in reads)
    if lost:
        texts.append(f"{lost} without an answer")
    unsent = sum(not read.arrived for read in reads)
    if unsent:
        texts.append(f"{unsent} not sent")
    return ", ".join(texts)


def write_counts(statuses: dict[int, int]) -> str:
    """Write how many requests got which status: "12 got 200, 1 got 404"."""
    common = Counter(statuses).most_common()
    texts = [f"{count} got {status}" for status, count in common[:STATUSES]]
    if len(common) > STATUSES:
        texts.append(f"{sum(count for _, count in common[STATUSES:])} got others")
    return ", ".join(texts)


def shorten(path: str) -> str:
    """Cut the middle out of a long path."""
    if len(path) <= PATH_CHARS:
        return path
    half = PATH_CHARS // 2
    return f"{path[:half]}…{path[-half:]}"
