"""Sends a request again where it cannot take effect twice.

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

# The idempotent methods of RFC 9110, section 9.2.2.
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
NOT_DONE = frozenset({429, 503})

# The least time before the deadline for a further attempt. The answer of the last attempt is worth
# more than an attempt that the deadline cuts off, because nobody would know if that took effect.
ATTEMPT_SECONDS = 1.0
# The waits double from the first to the longest, in seconds.
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.25, 8.0

SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how fast a request is sent again.

    Args:
        attempts: the most attempts, including the first one.
        sleep: waits for a number of seconds.
        now: the clock of the deadline; by default the clock of the event loop.
        draw: returns a random number from 0 to 1, which spreads the waits of requests that were
            sent together.
    """

    attempts: int = 4
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    now: Callable[[], float] | None = None
    draw: Callable[[], float] = random.random


PACE = Pace()


@dataclass(slots=True)
class _History:
    """How the attempts so far ended.

    Args:
        statuses: the HTTP statuses that came back.
        lost: whether an attempt may have arrived and got no answer.
    """

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
        """Return the error of the last attempt, with what is known of the attempts before it."""
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
    """Try a request until its outcome is final, or until there is no time for another attempt.

    Args:
        once: makes one attempt and records it; it keeps to the deadline itself.
        method: the method of the request, in upper case.
        deadline: the end of the run, in the time of the event loop. If a wait would leave too
            little time before it, the last answer is returned at once.
        idempotent: whether the request may be carried out twice; None leaves that to the method.
            It is False for a GET with a GraphQL mutation.
        pace: how often and how fast the request is sent again.

    Returns:
        The answer of the last attempt, and the number of attempts.

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
    """Say whether an attempt may be repeated; see the table of this module."""
    if response is not None:
        return response.status in NOT_DONE or (500 <= response.status < 600 and idempotent)
    if error is None:
        return False
    return not error.arrived or (error.kind == "broken" and idempotent)


def _choose_wait(response: Response | None, attempt: int, pace: Pace) -> float:
    """Return the seconds to wait: what the server asks for, plus a growing random part."""
    asked_seconds = read_retry_after(response) if response is not None else None
    growing = min(FIRST_WAIT_SECONDS * 2.0 ** (attempt - 1), LONGEST_WAIT_SECONDS)
    return (asked_seconds or 0.0) + growing * (0.5 + pace.draw() / 2)


def read_retry_after(response: Response) -> float | None:
    """Return how many seconds a server asks to wait, or None if it does not say.

    Args:
        response: a response whose `Retry-After` header has seconds or a date. A date is compared
            with the response's own `Date` header, because clocks differ.
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
    """Return the time of an HTTP date, or None if the text is not a date."""
    try:
        date = parsedate_to_datetime(text[:100])
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    # An HTTP date is always in GMT; its asctime form names no zone (RFC 9110, section 5.6.7).
    return date if date.tzinfo else date.replace(tzinfo=UTC)
