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

from tenacity import AsyncRetrying, RetryCallState, wait_exponential

from pymode.errors import HttpError
from pymode.http.client import Response

# RFC 9110, section 9.2.2.
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
NOT_DONE = frozenset({429, 503})

# What an attempt must have left. A refusal that is in hand is worth more than an attempt cut off
# by the deadline, after which nobody knows whether it took effect.
ATTEMPT_SECONDS = 1.0
BACKOFF = wait_exponential(multiplier=0.25, max=8)

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
    attempts = Attempts(once, repeatable, deadline, pace, now)
    retrying = AsyncRetrying(
        sleep=pace.sleep,
        retry=attempts.may_repeat,
        wait=attempts.choose_wait,
        stop=attempts.is_last,
        retry_error_callback=give_outcome,
    )
    try:
        response: Response = await retrying(attempts.make)
    except HttpError as error:
        if attempts.count == 1:
            raise
        raise attempts.sum_up(error) from error
    return response, attempts.count


@dataclass(slots=True)
class Attempts:
    """The attempts at one request."""

    once: Callable[[], Awaitable[Response]]
    idempotent: bool
    deadline: float
    pace: Pace
    now: Callable[[], float]
    count: int = 0
    statuses: list[int] = field(default_factory=list)
    lost: bool = False

    async def make(self) -> Response:
        """Make one attempt."""
        self.count += 1
        try:
            response = await self.once()
        except HttpError as error:
            if error.status is not None:
                self.statuses.append(error.status)
            elif error.arrived:
                self.lost = True
            raise
        self.statuses.append(response.status)
        return response

    def may_repeat(self, state: RetryCallState) -> bool:
        """Say whether the last attempt can be repeated without doing a thing twice."""
        response, error = read_outcome(state)
        if response is not None:
            if response.status in NOT_DONE:
                return True
            return 500 <= response.status < 600 and self.idempotent
        if not isinstance(error, HttpError):
            return False
        return not error.arrived or (error.kind == "broken" and self.idempotent)

    def choose_wait(self, state: RetryCallState) -> float:
        """Choose the seconds to wait: what the server asks for, and a random part on top."""
        response, _ = read_outcome(state)
        asked_seconds = read_retry_after(response) if response is not None else None
        return (asked_seconds or 0.0) + BACKOFF(state) * (0.5 + self.pace.draw() / 2)

    def is_last(self, state: RetryCallState) -> bool:
        """Say whether there have been enough attempts, or no time is left for another."""
        begins = self.now() + state.upcoming_sleep
        return (
            state.attempt_number >= self.pace.attempts or begins + ATTEMPT_SECONDS > self.deadline
        )

    def sum_up(self, error: HttpError) -> HttpError:
        """Return the error of the last attempt with what is known of those before."""
        msg = f"{error} ({self.count} attempts"
        if self.statuses:
            msg += f"; answered: {', '.join(map(str, self.statuses))}"
        if self.lost and not error.arrived:
            msg += "; an earlier one was sent and got no answer: a write may have taken effect"
        arrived = error.arrived or self.lost or bool(self.statuses)
        return HttpError(msg + ")", kind=error.kind, arrived=arrived, status=error.status)


def read_outcome(state: RetryCallState) -> tuple[Response | None, BaseException | None]:
    """Return what the last attempt gave: an answer, or an error."""
    outcome = state.outcome
    if outcome is None:
        return None, None
    error = outcome.exception()
    return (None, error) if error is not None else (outcome.result(), None)


def give_outcome(state: RetryCallState) -> Response | None:
    """Return what the last attempt returned, or raise what it raised."""
    return state.outcome.result() if state.outcome is not None else None


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
    """Read an HTTP date; None when it is none."""
    try:
        date = parsedate_to_datetime(text[:100])
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
