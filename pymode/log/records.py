"""Reads past calls from the log."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_CALL = """SELECT id, started, tool, api, owner, seconds, outcome, used, message, code,
    (SELECT count(*) FROM requests WHERE call = id),
    (SELECT count(*) FROM requests WHERE call = id AND is_write),
    (SELECT count(*) FROM requests WHERE call = id AND is_write AND outcome IS NULL)
    FROM calls"""
_REQUEST = """SELECT number, started, method, path, query, is_write, approval, outcome, status,
    seconds, attempts, reason FROM requests WHERE call = ? ORDER BY number"""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call as it was recorded.

    Args:
        id: `c_` and 12 letters and digits.
        started: seconds since 1970.
        tool: "search" or "execute".
        api: what the code calls the API.
        owner: a digest of the token and the server, in hexadecimal; "" if unknown.
        seconds: how long it took; None if no end was recorded.
        outcome: "ok" or what went wrong; None if it runs still or was killed.
        used: how much of each limit was used.
        message: the error's text.
        code: as the model wrote it.
        requests: how many there were.
        writes: how many of them might change something.
        unanswered_writes: writes that were sent, or about to be, with no end recorded.
    """

    id: str
    started: float
    tool: str
    api: str
    owner: str
    seconds: float | None
    outcome: str | None
    used: dict[str, float]
    message: str
    code: str
    requests: int
    writes: int
    unanswered_writes: int


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A request as it was recorded.

    Args:
        number: among those of its call, from 1.
        started: seconds since 1970.
        method: in capitals.
        path: below the base URL.
        query: the names of its parameters.
        is_write: whether it might change something.
        approval: who or what allowed it.
        outcome: "answered", "failed", "not sent", "refused", "dry run"; None if no end was
            recorded, so that a write may have taken effect.
        status: of the answer.
        seconds: from sending to the answer or the failure.
        attempts: how often it was sent.
        reason: why there is no answer.
    """

    number: int
    started: float
    method: str
    path: str
    query: tuple[str, ...]
    is_write: bool
    approval: str
    outcome: str | None
    status: int | None
    seconds: float | None
    attempts: int | None
    reason: str


def list_calls(
    connection: sqlite3.Connection, *, limit: int, writes: bool = False
) -> list[CallRecord]:
    """Return the newest calls, newest first.

    Args:
        connection: to the database.
        limit: the most that are returned.
        writes: only calls with a request that might change something.
    """
    where = "WHERE EXISTS (SELECT 1 FROM requests WHERE call = id AND is_write)" if writes else ""
    query = f"{_CALL} {where} ORDER BY started DESC, number DESC LIMIT ?"
    return [_read_call(row) for row in connection.execute(query, (limit,))]


def iterate_calls(connection: sqlite3.Connection) -> Iterator[CallRecord]:
    """Yield all calls, oldest first, as they are at this moment."""
    for row in connection.execute(f"{_CALL} ORDER BY started, number"):
        yield _read_call(row)


def find_call(connection: sqlite3.Connection, name: str) -> list[CallRecord]:
    """Return the call with an id, or else at most ten whose ids begin with it.

    Args:
        connection: to the database.
        name: with or without its `c_`, whole or its beginning.
    """
    first = "c_" + name.lower().removeprefix("c_").encode("utf-8", "replace").decode()
    query = f"{_CALL} WHERE id >= ? AND id < ? ORDER BY id LIMIT 10"
    # Names are ASCII letters and digits: each that begins so comes before this.
    found = [_read_call(row) for row in connection.execute(query, (first, first + "\x7f"))]
    return [call for call in found if call.id == first] or found


def list_requests(connection: sqlite3.Connection, call: str) -> list[RequestRecord]:
    """Return the requests of a call, in the order in which they were started."""
    return [_read_request(row) for row in connection.execute(_REQUEST, (call,))]


def _read_call(row: tuple[Any, ...]) -> CallRecord:
    name, started, tool, api, owner, seconds, outcome, used, message, code, *counts = row
    return CallRecord(
        id=name,
        started=started,
        tool=tool,
        api=api,
        owner=owner.hex() if owner else "",
        seconds=seconds,
        outcome=outcome,
        used=json.loads(used or "{}"),
        message=message or "",
        code=code,
        requests=counts[0],
        writes=counts[1],
        unanswered_writes=counts[2],
    )


def _read_request(row: tuple[Any, ...]) -> RequestRecord:
    number, started, method, path, query, is_write, approval, outcome, status, *rest = row
    return RequestRecord(
        number=number,
        started=started,
        method=method,
        path=path,
        query=tuple(json.loads(query)),
        is_write=bool(is_write),
        approval=approval,
        outcome=outcome,
        status=status,
        seconds=rest[0],
        attempts=rest[1],
        reason=rest[2] or "",
    )
