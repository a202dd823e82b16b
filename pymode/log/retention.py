"""Removes what is too old or too much in the log, a bounded piece of work at a time."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from pymode.errors import ConfigError
from pymode.limits import MIB

_DAY_SECONDS = 86_400.0
# One step takes at most this much away: about 5 ms. Between two steps less than that comes in.
CALLS_PER_STEP = 128
RESULTS_PER_STEP = 8
PAGES_PER_STEP = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long and how much the log keeps.

    Args:
        age_seconds: of calls and of results.
        total_bytes: of the database; results may have half of it, so that they never push out the
            record of what was done.

    Raises:
        ConfigError: a value is not positive.
    """

    age_seconds: float = 30 * _DAY_SECONDS
    total_bytes: int = 256 * MIB

    def __post_init__(self) -> None:
        if not (self.age_seconds > 0 and self.total_bytes > 0):
            raise ConfigError("the log's age and size must be positive numbers")

    @property
    def results_bytes(self) -> int:
        """The most bytes that all results together may have."""
        return self.total_bytes // 2


def prune(connection: sqlite3.Connection, retention: Retention, now: float) -> int:
    """Take one bounded step towards the limits, in an open transaction.

    Args:
        connection: to the database.
        retention: the limits.
        now: seconds since 1970.

    Returns:
        How many calls and results were removed; 0 once the limits are kept.
    """
    oldest = now - retention.age_seconds
    removed = prune_results(connection, retention, now)
    query = "SELECT id FROM calls WHERE started < ? ORDER BY started LIMIT ?"
    calls = connection.execute(query, (oldest, CALLS_PER_STEP)).fetchall()
    if not calls and not removed and count_used_bytes(connection) > retention.total_bytes:
        query = "SELECT id FROM calls ORDER BY started LIMIT ?"
        calls = connection.execute(query, (CALLS_PER_STEP,)).fetchall()
    connection.executemany("DELETE FROM requests WHERE call = ?", calls)
    connection.executemany("DELETE FROM calls WHERE id = ?", calls)
    return removed + len(calls)


def prune_results(connection: sqlite3.Connection, retention: Retention, now: float) -> int:
    """Remove the oldest results that are over age or size, at most `RESULTS_PER_STEP`."""
    ((total,),) = connection.execute("SELECT coalesce(sum(bytes), 0) FROM results")
    query = "SELECT number, made, bytes FROM results ORDER BY made, number LIMIT ?"
    gone = []
    for number, made, size in connection.execute(query, (RESULTS_PER_STEP,)).fetchall():
        if made >= now - retention.age_seconds and total <= retention.results_bytes:
            break
        gone.append((number,))
        total -= size
    connection.executemany("DELETE FROM results WHERE number = ?", gone)
    return len(gone)


def give_back(connection: sqlite3.Connection) -> None:
    """Return some free pages to the file system, outside a transaction."""
    connection.execute(f"PRAGMA incremental_vacuum({PAGES_PER_STEP})").fetchall()


def count_used_bytes(connection: sqlite3.Connection) -> int:
    """Return how many bytes of the database are in use."""
    values = [
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    ]
    return int((values[0] - values[1]) * values[2])
