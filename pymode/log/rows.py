"""Calls and requests that are being recorded, and how they become rows."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field

from pymode.log.text import MAX_CODE_CHARS, MAX_FIELD_CHARS, MAX_MESSAGE_CHARS, Redact, store

_ADD_CALL = """INSERT OR IGNORE INTO calls (id, started, tool, api, owner, code)
    VALUES (?, ?, ?, ?, ?, ?)"""
_END_CALL = "UPDATE calls SET seconds = ?, outcome = ?, message = ?, used = ? WHERE id = ?"
_PUT_REQUEST = """INSERT INTO requests (call, number, started, method, path, query, is_write,
    approval, outcome, status, seconds, attempts, reason)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (call, number) DO UPDATE SET
    outcome = excluded.outcome, status = excluded.status, seconds = excluded.seconds,
    attempts = excluded.attempts, reason = excluded.reason
    WHERE excluded.outcome IS NOT NULL"""


@dataclass(slots=True, eq=False)
class OpenCall:
    """A call that is being recorded.

    Args:
        id: what people call it, `c_` and 12 letters and digits.
        started: seconds since 1970.
        tool: "search" or "execute".
        api: what the code calls the API.
        owner: a digest of the token and the server.
        code: not yet redacted.
        redact: applied to each text of the call when it is stored.
        last_number: of its requests.
        reads: those that have not ended.
    """

    id: str
    started: float
    tool: str
    api: str
    owner: bytes | None
    code: str
    redact: Redact
    last_number: int = 0
    reads: set[OpenRequest] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class OpenRequest:
    """A request that is being recorded.

    Args:
        call: that sends it.
        number: among those of its call, from 1.
        is_write: whether it was committed before it was sent.
        started: seconds since 1970.
        method: in capitals.
        path: without a query.
        query: the names of its parameters.
        approval: who or what allowed it.
    """

    call: OpenCall
    number: int
    is_write: bool
    started: float
    method: str
    path: str
    query: tuple[str, ...]
    approval: str


@dataclass(frozen=True, slots=True)
class End:
    """How a request ended; empty while it is under way.

    Args:
        outcome: see `RequestRecord`.
        status: of the answer.
        seconds: from sending to the answer or the failure.
        attempts: how often it was sent.
        reason: why there is no answer.
    """

    outcome: str | None = None
    status: int | None = None
    seconds: float | None = None
    attempts: int | None = None
    reason: str = ""


def add_call(connection: sqlite3.Connection, call: OpenCall) -> None:
    """Record the call, if it is not recorded yet, so that every request has its call."""
    if connection.execute("SELECT 1 FROM calls WHERE id = ?", (call.id,)).fetchone():
        return
    code = store(call.code, call.redact, MAX_CODE_CHARS)
    tool, api = _store_field(call.tool, call), _store_field(call.api, call)
    connection.execute(_ADD_CALL, (call.id, call.started, tool, api, call.owner, code))


def end_call(
    connection: sqlite3.Connection,
    call: OpenCall,
    seconds: float,
    outcome: str,
    message: str,
    used: dict[str, float],
) -> None:
    """Record how the call ended."""
    add_call(connection, call)
    text = store(message, call.redact, MAX_MESSAGE_CHARS)
    row = (seconds, _store_field(outcome, call), text, json.dumps(used), call.id)
    connection.execute(_END_CALL, row)


def put_request(connection: sqlite3.Connection, request: OpenRequest, end: End) -> None:
    """Record the request with its call, or how it ended if it is recorded already."""
    call = request.call
    add_call(connection, call)
    query = json.dumps([_store_field(name, call) for name in request.query])
    connection.execute(
        _PUT_REQUEST,
        (
            call.id,
            request.number,
            request.started,
            _store_field(request.method, call),
            _store_field(request.path, call),
            query,
            request.is_write,
            _store_field(request.approval, call),
            end.outcome,
            end.status,
            end.seconds,
            end.attempts,
            _store_field(end.reason, call),
        ),
    )


def _store_field(text: str, call: OpenCall) -> str:
    return store(text, call.redact, MAX_FIELD_CHARS) if text else ""
