"""The tables of the log, and the connections to them."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from pymode.log.faults import Doing, explain, refuse
from pymode.log.place import check_file, prepare_file

# In the header of the file: a database of something else is never touched.
APPLICATION_ID = 0x70794C67
VERSION = 1
_WAL_BYTES = 8 * 1024 * 1024
_RETRY_SECONDS = 0.01

# A request is found by its call and number, and lies beside the others of its call. What is large
# comes last, so that nothing else is read through it.
_TABLES = (
    """CREATE TABLE calls (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, started REAL NOT NULL,
        tool TEXT NOT NULL, api TEXT NOT NULL, owner BLOB, seconds REAL, outcome TEXT,
        used TEXT, message TEXT, code TEXT NOT NULL)""",
    "CREATE INDEX calls_by_time ON calls (started)",
    """CREATE TABLE requests (
        call TEXT NOT NULL, number INTEGER NOT NULL, started REAL NOT NULL, method TEXT NOT NULL,
        path TEXT NOT NULL, query TEXT NOT NULL, is_write INTEGER NOT NULL,
        approval TEXT NOT NULL, outcome TEXT, status INTEGER, seconds REAL, attempts INTEGER,
        reason TEXT, PRIMARY KEY (call, number)) WITHOUT ROWID""",
    """CREATE TABLE results (
        number INTEGER PRIMARY KEY, owner BLOB NOT NULL, id TEXT NOT NULL, made REAL NOT NULL,
        bytes INTEGER NOT NULL, note TEXT NOT NULL, content TEXT NOT NULL, UNIQUE (owner, id))""",
    "CREATE INDEX results_by_time ON results (made, bytes)",
    """CREATE TABLE approvals (
        id TEXT PRIMARY KEY, owner TEXT NOT NULL, digest TEXT NOT NULL, question TEXT NOT NULL,
        expires REAL NOT NULL, approved INTEGER NOT NULL DEFAULT 0)""",
)


def open_to_write(path: Path | None, busy_seconds: float) -> sqlite3.Connection:
    """Return a connection that makes or migrates the database; use it in this thread only.

    Args:
        path: absolute; None is a database in memory.
        busy_seconds: how long a statement waits for another process.

    Raises:
        LogError: it cannot be used; the message says why and what to do.
    """
    try:
        if path is not None:
            prepare_file(path)
        connection = _connect(str(path or ":memory:"), busy_seconds)
    except (sqlite3.Error, OSError) as error:
        raise explain(error, path, "written") from None
    try:
        if _check_kind(connection, path, "written") < VERSION:
            _create(connection, busy_seconds)
        # NORMAL: a commit is a write to the operating system without a sync. A killed process
        # loses nothing that it committed; a power cut may take the last commits, never more.
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA journal_size_limit={_WAL_BYTES}")
        connection.execute("SELECT 1 FROM calls, requests, results LIMIT 1").fetchone()
    except Exception as error:
        connection.close()
        raise explain(error, path, "written") from None
    return connection


def open_to_read(path: Path, busy_seconds: float = 2.0) -> sqlite3.Connection | None:
    """Return a connection that changes nothing, or None if there is no log yet.

    Args:
        path: absolute.
        busy_seconds: how long a statement waits for another process.

    Raises:
        LogError: it cannot be read; the message says why and what to do.
    """
    try:
        if not path.exists():
            return None
        check_file(path, "read")
        try:
            return _open_read_only(path, "mode=ro", busy_seconds)
        except sqlite3.OperationalError:
            # Readers of a WAL database write beside it. Where nobody can, and no WAL is left,
            # the file alone is the whole database.
            if path.with_name(path.name + "-wal").exists():
                raise
            return _open_read_only(path, "mode=ro&immutable=1", busy_seconds)
    except (sqlite3.Error, OSError) as error:
        raise explain(error, path, "read") from None


def _open_read_only(path: Path, options: str, busy_seconds: float) -> sqlite3.Connection | None:
    connection = _connect(f"{path.as_uri()}?{options}", busy_seconds, uri=True)
    try:
        if _check_kind(connection, path, "read"):
            connection.execute("SELECT 1 FROM calls, requests, results LIMIT 1").fetchone()
            return connection
    except BaseException:
        connection.close()
        raise
    connection.close()
    return None


def _connect(name: str, busy_seconds: float, *, uri: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(name, timeout=busy_seconds, isolation_level=None, uri=uri)
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA temp_store=MEMORY")
    return connection


def _check_kind(connection: sqlite3.Connection, path: Path | None, doing: Doing) -> int:
    """Return the version of the tables, 0 for an empty database."""
    # In one transaction: another process may make the database between two of these.
    connection.execute("BEGIN")
    try:
        ((application,),) = connection.execute("PRAGMA application_id")
        ((version,),) = connection.execute("PRAGMA user_version")
        ((tables,),) = connection.execute("SELECT count(*) FROM sqlite_schema")
    finally:
        connection.execute("ROLLBACK")
    if application != APPLICATION_ID and (application or version or tables):
        raise refuse(path, "it is a database of another program", "choose another path", doing)
    if version > VERSION:
        raise refuse(path, "a newer pymode wrote it", "update pymode", doing)
    return int(version)


def _create(connection: sqlite3.Connection, busy_seconds: float) -> None:
    # Free pages can be given back a few at a time; this must stand before the first table.
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    _switch_to_wal(connection, busy_seconds)
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have been faster.
        if connection.execute("PRAGMA user_version").fetchone() == (0,):
            for statement in _TABLES:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _switch_to_wal(connection: sqlite3.Connection, busy_seconds: float) -> None:
    # SQLite does not wait for its lock here when two processes make one database at once.
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return
