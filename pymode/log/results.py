"""Results that are too large for an answer, kept for the next call of the same owner."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from pymode.errors import LogError
from pymode.log.database import Database
from pymode.log.retention import prune_results
from pymode.log.text import MAX_FIELD_CHARS, Redact, keep_plain, make_result_id, store

MAX_LISTED = 100


@dataclass(frozen=True, slots=True)
class Kept:
    """A result that is kept.

    Args:
        id: `r_` and 16 letters and digits.
        made: seconds since 1970.
        size_bytes: of its JSON in UTF-8.
        note: what it is.
    """

    id: str
    made: float
    size_bytes: int
    note: str


class Results:
    """Keeps results for their owners: a keyed digest of the token and the server.

    Another owner, a wrong name and a result that is gone are one case: the row is looked for by
    owner and name together, and is not there.

    Args:
        database: where they are kept, with its limits of age and size.
        redact: the last guard, applied to each text that is stored; see `Log`.
    """

    def __init__(self, database: Database, *, redact: Redact = keep_plain) -> None:
        self._database = database
        self._redact = redact

    async def keep(self, owner: bytes, content: str, note: str = "") -> str:
        """Keep a result; older ones that are over the limits are removed.

        Args:
            owner: who may read it.
            content: JSON.
            note: what it is, for `list`.

        Returns:
            Its name, such as `r_mfzwizltoqxg4zlx`.

        Raises:
            LogError: it cannot be kept; the message says why.
        """
        database = self._database
        most_bytes = database.retention.results_bytes
        name, made = make_result_id(), database.clock()

        def insert(connection: sqlite3.Connection) -> int:
            text = store(content, self._redact, most_bytes)
            size_bytes = len(text.encode())
            if size_bytes > most_bytes:
                return size_bytes
            kept_note = store(note, self._redact, MAX_FIELD_CHARS)
            connection.execute(
                "INSERT INTO results (owner, id, made, bytes, note, content)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (owner, name, made, size_bytes, kept_note, text),
            )
            prune_results(connection, database.retention, database.clock())
            return size_bytes

        size_bytes = await database.write(insert)
        if size_bytes > most_bytes:
            msg = f"the result has {size_bytes:,} bytes; at most {most_bytes:,} can be kept"
            raise LogError(msg)
        return name

    async def get(self, owner: bytes, name: str) -> str | None:
        """Return the JSON of a result, or None if this owner has none of that name.

        Args:
            owner: who asks.
            name: what `keep` returned.

        Raises:
            LogError: the database cannot be read; the message says why.
        """
        oldest = self._oldest()

        def select(connection: sqlite3.Connection) -> str | None:
            query = "SELECT content FROM results WHERE owner = ? AND id = ? AND made >= ?"
            row = connection.execute(query, (owner, _plain(name), oldest)).fetchone()
            return None if row is None else str(row[0])

        return await self._database.read(select)

    async def list(self, owner: bytes) -> list[Kept]:
        """Return the results of this owner, newest first, at most `MAX_LISTED`.

        Args:
            owner: who asks.

        Raises:
            LogError: the database cannot be read; the message says why.
        """
        oldest = self._oldest()

        def select(connection: sqlite3.Connection) -> list[Kept]:
            query = (
                "SELECT id, made, bytes, note FROM results WHERE owner = ? AND made >= ?"
                " ORDER BY made DESC, number DESC LIMIT ?"
            )
            return [Kept(*row) for row in connection.execute(query, (owner, oldest, MAX_LISTED))]

        return await self._database.read(select)

    def _oldest(self) -> float:
        return self._database.clock() - self._database.retention.age_seconds


def _plain(name: str) -> str:
    return name.encode("utf-8", "replace").decode()
