"""Approvals by id in the log's database: asked for in one process, given in another, used once."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict

from pymode.errors import ApprovalError, RuleRefused
from pymode.log.database import Database
from pymode.policy.approvals import APPROVAL_SECONDS, WAITING_APPROVALS, Question


class Approvals:
    """Stores approvals; each is for one exact request of one owner, for a limited time, once.

    Args:
        database: where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, question: Question, digest: str, owner: str) -> str:
        """Keep a request that was refused and return its id; the same request keeps its id.

        Raises:
            LogError: it cannot be kept.
            RuleRefused: too many requests of this owner wait.
        """
        now = self._database.clock()
        drawn = secrets.token_hex(4)

        def insert(connection: sqlite3.Connection) -> str | None:
            _expire(connection, now)
            known = "SELECT id FROM approvals WHERE digest = ? AND owner = ?"
            row = connection.execute(known, (digest, owner)).fetchone()
            if row is not None:
                return str(row[0])
            count = "SELECT count(*) FROM approvals WHERE owner = ?"
            if connection.execute(count, (owner,)).fetchone()[0] >= WAITING_APPROVALS:
                return None
            connection.execute(
                "INSERT INTO approvals (id, owner, digest, question, expires) VALUES (?,?,?,?,?)",
                (drawn, owner, digest, json.dumps(asdict(question)), now + APPROVAL_SECONDS),
            )
            return drawn

        identifier = await self._database.write(insert)
        if identifier is None:
            raise RuleRefused("too many requests wait for an approval; try again later")
        return identifier

    async def take(self, digest: str, owner: str) -> str | None:
        """Use an approval up: return the id under which this request was approved, or None.

        Raises:
            LogError: the database cannot be written.
        """
        now = self._database.clock()

        def delete(connection: sqlite3.Connection) -> str | None:
            _expire(connection, now)
            row = connection.execute(
                "DELETE FROM approvals WHERE digest = ? AND owner = ? AND approved RETURNING id",
                (digest, owner),
            ).fetchone()
            return None if row is None else str(row[0])

        return await self._database.write(delete)

    async def approve(self, identifier: str) -> Question:
        """Approve one request, once, and return what it was.

        Raises:
            ApprovalError: there is none with this id, or it has expired.
            LogError: the database cannot be written.
        """
        now = self._database.clock()

        def update(connection: sqlite3.Connection) -> str | None:
            _expire(connection, now)
            row = connection.execute(
                "UPDATE approvals SET approved = 1, expires = ? WHERE id = ? RETURNING question",
                (now + APPROVAL_SECONDS, identifier),
            ).fetchone()
            return None if row is None else str(row[0])

        question = await self._database.write(update)
        if question is None:
            msg = f"no request waits as {identifier[:40]!r}; it may have expired: send it again"
            raise ApprovalError(msg)
        return Question(**json.loads(question))

    async def waiting(self) -> Mapping[str, Question]:
        """Return what waits for an approval, by id.

        Raises:
            LogError: the database cannot be read.
        """
        now = self._database.clock()

        def select(connection: sqlite3.Connection) -> list[tuple[str, str]]:
            query = "SELECT id, question FROM approvals WHERE expires >= ? AND NOT approved"
            return connection.execute(query, (now,)).fetchall()

        rows = await self._database.read(select)
        return {identifier: Question(**json.loads(question)) for identifier, question in rows}


def _expire(connection: sqlite3.Connection, now: float) -> None:
    connection.execute("DELETE FROM approvals WHERE expires < ?", (now,))
