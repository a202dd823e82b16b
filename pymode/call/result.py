"""The result of a call: its value and what it used, read from a guest that may be hostile."""

from __future__ import annotations

import asyncio
import gc
import json
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import NoReturn

from pymode.actions.sent import Planned, SentRequest
from pymode.answers.render import fits, write_cut, write_json
from pymode.errors import (
    CodeError,
    CodeRaised,
    CodeRejected,
    LimitExceeded,
    ResultRejected,
)
from pymode.limits import MIB, Limits
from pymode.protocol import calls
from pymode.protocol.frames import ProtocolError
from pymode.protocol.messages import Done

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]
# A function that keeps the whole value for later calls of the same caller. It returns the name of
# the value in `results`, or None if the value cannot be kept.
Keep = Callable[[], Awaitable[str | None]]

# JSON of this length is read within some milliseconds, whatever it says.
MAX_QUICK_CHARS = 64 * 1024
MAX_MESSAGE_CHARS = 20_000
NOTES = 20
# The guest writes at most 200 levels. A deeper value would exhaust the stack of the code here that
# walks over it.
MAX_DEPTH = 250


@dataclass(frozen=True, slots=True)
class Timings:
    """How long a call took.

    Args:
        waited_seconds: how long the call waited for a free worker.
        run_seconds: how long the last run of the code took in the worker.
        total_seconds: both, and the time until the value was read. Neither a pause for a person
            nor the first call's preparation counts.
    """

    waited_seconds: float
    run_seconds: float
    total_seconds: float


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a call.

    Args:
        value: what the code returned, as JSON.
        logs: what the code printed.
        notes: what was changed to make JSON of the value, such as NaN to null.
        fuel: how many WebAssembly instructions the call used.
        timings: how long the call took.
        requests: each attempt that was sent to an API, and each call of a tool, in the order in
            which they ended.
        planned: the writes that a dry run did not send.
        keep: keeps the value for later calls, or None if this caller keeps nothing.
    """

    value: JSON
    logs: str
    notes: tuple[str, ...]
    fuel: int
    timings: Timings
    requests: tuple[SentRequest, ...]
    planned: tuple[Planned, ...] = ()
    keep: Keep | None = field(default=None, repr=False, compare=False)

    async def render(self, max_tokens: int) -> str:
        """Return the value as compact JSON of at most `max_tokens` tokens.

        A value that does not fit is cut, see `pymode.answers.render`. If this caller keeps results,
        the whole value is kept, and the answer names its entry in `results` for later calls.

        Args:
            max_tokens: o200k_base tokens, estimated from above.
        """
        whole = write_json(self.value)
        if fits(whole, max_tokens):
            return whole
        name = await self.keep() if self.keep is not None else None
        return write_cut(self.value, max_tokens, len(whole), name)


async def read_outcome_apart(done: Done, limits: Limits) -> tuple[JSON, tuple[str, ...]]:
    """Do as `read_outcome`, beside the event loop if the outcome is long."""
    if len(done.outcome) <= MAX_QUICK_CHARS:
        return read_outcome(done, limits)
    return await asyncio.to_thread(read_outcome, done, limits)


def read_outcome(done: Done, limits: Limits) -> tuple[JSON, tuple[str, ...]]:
    """Return the value and the notes of a call.

    Raises:
        CodeError: the code was rejected, failed, hit a limit, returned no JSON, or changed the
            guest so that its outcome cannot be read.
    """
    if done.stopped_by is not None:
        _raise_stopped(done, limits)
    try:
        outcome = calls.read_outcome(done.outcome)
    except ProtocolError:
        # The guest itself never writes such an outcome.
        msg = (
            "the code changed the sandbox's own program, and its outcome cannot be read; leave the "
            "modules of the sandbox as they are"
        )
        raise CodeRaised(msg, logs=done.logs) from None
    head, text = outcome.head, outcome.value
    if not outcome.is_value:
        _raise_failed(head, done, limits)
    # The guest has checked this, but code can patch the guest.
    if len(text.encode("utf-8", "replace")) > limits.result_bytes:
        _raise_limit("result_bytes", done, limits)
    notes = head.get("notes")
    found = map(_clean, notes[:NOTES]) if isinstance(notes, list) else ()
    value = _read(text, done)
    # An escape such as \ud83d may be half a surrogate pair. The guest's own driver writes no such
    # escapes, but code can patch it.
    if ("\\ud" in text or "\\uD" in text) and not _has_utf8(value):
        raise ResultRejected("the result holds half surrogate pairs", logs=done.logs)
    return value, tuple(found)


def _read(text: str, done: Done) -> JSON:
    try:
        with _no_collection():
            value: JSON = _DECODER.decode(text)
        _check_depth(value)
    except (ValueError, RecursionError):
        msg = "the result is not JSON that can be read; return plain dicts, lists and strings"
        raise ResultRejected(msg, logs=done.logs) from None
    return value


def _has_utf8(value: JSON) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_constant(name: str) -> NoReturn:
    # Python's `json` reads NaN and Infinity, which are not JSON.
    raise ValueError(name)


def _read_float(text: str) -> float:
    number = float(text)
    # 1e999 is JSON, but becomes an infinity, which could not be written as JSON again.
    if math.isinf(number):
        raise ValueError(text)
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_read_float)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Let Python look for garbage later: it would look at each new list again and again.

    4 MB of short lists are read in a third of the time, in which nothing else runs.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _check_depth(value: JSON) -> None:
    """Raise `ValueError` for a value that is nested deeper than `MAX_DEPTH`."""
    # Level by level, because a recursion would use up the stack that it should protect.
    level = [value]
    for _ in range(MAX_DEPTH):
        lists = [node for node in level if type(node) is list]
        dicts = [node.values() for node in level if type(node) is dict]
        level = list(chain(*lists, *dicts))
        if not level:
            return
    raise ValueError("nested too deep")


def _clean(message: JSON) -> str:
    """Return a message of the guest as text that can be written as UTF-8."""
    text = message if isinstance(message, str) else f"no message but a {type(message).__name__}"
    return text[:MAX_MESSAGE_CHARS].encode("utf-8", "replace").decode()


def _raise_failed(head: Mapping[str, JSON], done: Done, limits: Limits) -> NoReturn:
    message, limit, error = _clean(head.get("message")), head.get("limit"), head.get("error")
    if isinstance(limit, str) and _may_be_hit(limit, done, limits):
        if limit == "memory_bytes":
            message = f"{_sentence(limit, limits)}\n{message}"
        raise LimitExceeded(message, limit=limit, logs=done.logs)
    kinds: dict[str, type[CodeError]] = {"rejected": CodeRejected, "result": ResultRejected}
    kind = kinds.get(error, CodeRaised) if isinstance(error, str) else CodeRaised
    raise kind(message, logs=done.logs)


def _may_be_hit(limit: str, done: Done, limits: Limits) -> bool:
    """Say whether a guest can have hit a limit that it names; code can patch it to name any."""
    if limit == "host_calls":
        return done.host_calls >= limits.host_calls
    if limit == "printed_chars":
        return len(done.logs) >= limits.printed_chars
    return limit in ("memory_bytes", "result_bytes")


def _raise_stopped(done: Done, limits: Limits) -> NoReturn:
    if done.stopped_by in _WHAT_TO_DO:
        _raise_limit(str(done.stopped_by), done, limits)
    if done.stopped_by == "stack":
        msg = (
            "the code recursed or nested data too deeply for the sandbox; "
            "use a loop and flatter data"
        )
        raise CodeRaised(msg, logs=done.logs)
    if done.stopped_by == "refused":
        msg = (
            "the code asked for something that the sandbox does not have: sockets, standard "
            "streams, processes, exit or a blocking sleep; use `return`, `print`, "
            "`await asyncio.sleep(…)` and the objects in scope"
        )
        raise CodeRaised(msg, logs=done.logs)
    msg = (
        "the interpreter in the sandbox crashed, most likely out of memory or stack; "
        "keep less data at once and recurse less deep"
    )
    raise CodeRaised(msg, logs=done.logs)


def _raise_limit(limit: str, done: Done, limits: Limits) -> NoReturn:
    raise LimitExceeded(_sentence(limit, limits), limit=limit, logs=done.logs)


def _sentence(limit: str, limits: Limits) -> str:
    amount = getattr(limits, limit)
    shown = f"{amount:,}"
    if limit.endswith("_bytes"):
        shown = f"{amount / MIB:,.0f} MiB" if amount >= MIB else f"{amount:,} bytes"
    return _WHAT_TO_DO[limit].format(shown)


_WHAT_TO_DO = {
    "fuel": (
        "the code was stopped after {} WebAssembly instructions: it loops without end or "
        "computes too much; do less in one call"
    ),
    "memory_bytes": "the code needs more than {} of memory; keep less data at once",
    "wall_seconds": (
        "the code was stopped after {} seconds; sleep less, make fewer requests, or send "
        "independent ones at once with asyncio.gather"
    ),
    "result_bytes": (
        "the result is larger than {} of JSON; return fewer fields, filter or aggregate"
    ),
    "printed_chars": "the code printed more than {} characters; print less, or return the data",
    "host_calls": (
        "the code made more than {} requests; ask for larger pages, or spread the work over "
        "several calls"
    ),
    "host_calls_in_flight": (
        "the code had more than {} requests on the way at once; use asyncio.Semaphore"
    ),
    "request_bytes": "a request was larger than {}; send less in one request",
}
