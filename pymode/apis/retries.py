"""Send a request again where that cannot do a thing twice.

    what happened                                     GET HEAD OPTIONS PUT DELETE    POST PATCH
    no connection: nothing was sent                   again                          again
    429, 503: the server took no part in it           again                          again
    another 5xx, or the connection was lost           again                          never
    anything else                                     never                          never

A GraphQL query is a POST here like any other.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pymode.errors import HttpError
from pymode.http.client import Response

# RFC 9110, section 9.2.2.
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
NOT_DONE = frozenset({429, 503})

# What an attempt must have left. A refusal that is in hand is worth more than an attempt cut off
# by the deadline, after which nobody knows whether it took effect.
ATTEMPT_SECONDS = 1.0
# The waits double from the first to the longest, in seconds.
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.25, 8.0

SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how fast a request is sent again.

    Args:
        attempts: the most, the first one included.
        sleep: waits for so many seconds.
        now: the clock of the deadline; by default that of the event loop.
        draw: gives a number from 0 to 1, which spreads the waits of requests sent together.
    """

    attempts: int = 4
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    now: Callable[[], float] | None = None
    draw: Callable[[], float] = random.random


PACE = Pace()


@dataclass(slots=True)
class _History:
    """What became of the attempts before the last one."""

    statuses: list[int] = field(default_factory=list)
    lost: bool = False

    def note(self, response: Response | None, error: HttpError | None) -> None:
        """Note how one attempt ended."""
        status = response.status if response else error.status if error else None
        if status is not None:
            self.statuses.append(status)
        elif error is not None and error.arrived:
            self.lost = True

    def sum_up(self, error: HttpError, attempts: int) -> HttpError:
        """Return the error of the last attempt with what is known of those before."""
        msg = f"{error} ({attempts} attempts"
        if self.statuses:
            msg += f"; answered: {', '.join(map(str, self.statuses))}"
        if self.lost and not error.arrived:
            msg += "; an earlier one was sent and got no answer: a write may have taken effect"
        arrived = error.arrived or self.lost or bool(self.statuses)
        return HttpError(msg + ")", kind=error.kind, arrived=arrived, status=error.status)


async def send(
    once: Callable[[], Awaitable[Response]],
    method: str,
    deadline: float,
    *,
    idempotent: bool | None = None,
    pace: Pace = PACE,
) -> tuple[Response, int]:
    """Make attempts until one counts, or the next one would come too late.

    Args:
        once: makes one attempt, and records it; it keeps to the deadline itself.
        method: of the request, in upper case.
        deadline: in the time of the event loop. A wait that leaves too little time before it
            is not begun: the answer in hand is returned at once.
        idempotent: whether the request may be done twice; None leaves that to the method. A GET
            that carries a GraphQL mutation may not.
        pace: how often and how fast.

    Returns:
        The answer of the last attempt, and how many there were.

    Raises:
        HttpError: the last attempt got no usable answer; `arrived` speaks for all attempts.
    """
    now = pace.now or asyncio.get_running_loop().time
    repeatable = method in IDEMPOTENT if idempotent is None else idempotent
    history = _History()
    attempt = 0
    while True:
        attempt += 1
        response, error = await _try(once)
        history.note(response, error)
        wait_seconds = _choose_wait(response, attempt, pace)
        is_last = attempt >= pace.attempts or now() + wait_seconds + ATTEMPT_SECONDS > deadline
        if is_last or not _may_repeat(response, error, idempotent=repeatable):
            break
        await pace.sleep(wait_seconds)
    if error is not None and attempt > 1:
        raise history.sum_up(error, attempt) from error
    if error is not None:
        raise error
    assert response is not None  # noqa: S101 - an attempt gives a response or an error
    return response, attempt


async def _try(
    once: Callable[[], Awaitable[Response]],
) -> tuple[Response | None, HttpError | None]:
    try:
        return await once(), None
    except HttpError as error:
        return None, error


def _may_repeat(response: Response | None, error: HttpError | None, *, idempotent: bool) -> bool:
    """Say whether an attempt can be repeated without doing a thing twice; see the table above."""
    if response is not None:
        return response.status in NOT_DONE or (500 <= response.status < 600 and idempotent)
    if error is None:
        return False
    return not error.arrived or (error.kind == "broken" and idempotent)


def _choose_wait(response: Response | None, attempt: int, pace: Pace) -> float:
    """Return the seconds to wait: what the server asks for, and a growing random part on top."""
    asked_seconds = read_retry_after(response) if response is not None else None
    growing = min(FIRST_WAIT_SECONDS * 2.0 ** (attempt - 1), LONGEST_WAIT_SECONDS)
    return (asked_seconds or 0.0) + growing * (0.5 + pace.draw() / 2)


def read_retry_after(response: Response) -> float | None:
    """Read the seconds that a server asks to wait, given as seconds or as a date.

    Args:
        response: a date is taken relative to its `Date` header, for clocks differ.
    """
    text = response.headers.get("retry-after", "").strip()
    if SECONDS.fullmatch(text):
        return float(text)
    then = read_date(text)
    if then is None:
        return None
    now = read_date(response.headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (then - now).total_seconds())


def read_date(text: str) -> datetime | None:
    """Return an HTTP date, or None if the text is none."""
    try:
        date = parsedate_to_datetime(text[:100])
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
