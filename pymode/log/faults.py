"""The errors that an operator reads when the log's file cannot be used."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from typing import Literal

from pymode.errors import LogError

Doing = Literal["written", "read"]

# The primary code of SQLite; the upper bits tell variants apart that ask for the same.
_PRIMARY = 0xFF
_DAMAGED = (
    "the file is damaged or is no log",
    "move {path} away, with {name}-wal and {name}-shm if they exist: a new log is begun",
)
_READ_ONLY = ("the file or its folder is read-only", "let your user write to {folder}")
_UNREADABLE = ("the file or its folder cannot be opened", "let your user read and write {folder}")
_FULL = ("the disk is full", "free some space")
_BY_CODE = {
    sqlite3.SQLITE_BUSY: ("another program holds it locked", "end that program, or try again"),
    sqlite3.SQLITE_LOCKED: ("another program holds it locked", "end that program, or try again"),
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: _UNREADABLE,
    sqlite3.SQLITE_PERM: _UNREADABLE,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    # The statements are always the same: one that is wrong meets tables that are.
    sqlite3.SQLITE_ERROR: _DAMAGED,
}
_BY_ERRNO = {
    errno.EACCES: _UNREADABLE,
    errno.EPERM: _UNREADABLE,
    errno.EROFS: _READ_ONLY,
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
}


def explain(error: Exception, path: Path | None, doing: Doing) -> LogError:
    """Return a `LogError` that says what is wrong with the file and what to do.

    Args:
        error: what SQLite or the system raised.
        path: of the database; None if it is in memory.
        doing: what could not be done.
    """
    if isinstance(error, LogError):
        return error
    if isinstance(error, OSError):
        other = (error.strerror or type(error).__name__, "check the path")
        reason, remedy = _BY_ERRNO.get(error.errno or 0, other)
    elif (code := getattr(error, "sqlite_errorcode", None)) is not None:
        reason, remedy = _BY_CODE.get(code & _PRIMARY, (f"SQLite says: {error}", "check the disk"))
    elif doing == "read":
        reason, remedy = _DAMAGED
    else:
        # Its message may hold the text that was to be recorded.
        reason, remedy = f"pymode failed inside ({type(error).__name__})", "report this"
    return refuse(path, reason, remedy, doing)


def refuse(path: Path | None, reason: str, remedy: str, doing: Doing = "written") -> LogError:
    """Return a `LogError` of the usual form.

    Args:
        path: of the database; None if it is in memory.
        reason: what is wrong, as part of a sentence.
        remedy: what to do; `{path}`, `{name}` and `{folder}` stand for those of the file.
        doing: what could not be done.
    """
    if path is None:
        return LogError(f"the log in memory cannot be {doing}: {reason}")
    advice = remedy.replace("{path}", str(path)).replace("{name}", path.name)
    advice = advice.replace("{folder}", str(path.parent))
    if doing == "written":
        advice += ", name another file with --log, or start with --no-log"
    return LogError(f"the log {path} cannot be {doing}: {reason}; {advice}")


def is_fault_of_file(error: Exception) -> bool:
    """Say whether the file or the system caused an error, and not the statement."""
    return isinstance(error, (OSError, LogError)) or (
        isinstance(error, sqlite3.DatabaseError)
        and not isinstance(
            error, (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)
        )
        and getattr(error, "sqlite_errorcode", None) not in (None, sqlite3.SQLITE_ERROR)
    )


def is_full(error: Exception) -> bool:
    """Say whether the disk is full; something smaller may still fit."""
    return _primary_code(error) == sqlite3.SQLITE_FULL


def is_passing(error: Exception) -> bool:
    """Say whether the same connection may succeed next time."""
    return is_full(error) or _primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _primary_code(error: Exception) -> int:
    return (getattr(error, "sqlite_errorcode", None) or 0) & _PRIMARY
