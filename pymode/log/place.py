"""Where the log is, and whether the place is safe: the log says what was done on an account."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import platformdirs

from pymode.log.faults import Doing, refuse

_PRIVATE_FILE, _PRIVATE_FOLDER = 0o600, 0o700
# SQLite keeps these beside the database, and believes what they say.
_COMPANIONS = ("", "-wal", "-shm", "-journal")


def default_path() -> Path:
    """Return the log's file in the user's state folder."""
    return platformdirs.user_state_path("pymode") / "log.sqlite3"


def prepare_file(path: Path) -> None:
    """Make the file and its folder if they are missing, both for this user alone.

    Raises:
        LogError: the file, or one that SQLite keeps beside it, is another user's or no plain
            file, or the folder is open to all.
        OSError: it cannot be made.
    """
    path.parent.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    check_file(path, "written")
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE_FILE))
    except FileExistsError:
        # Never open and close a file that exists: that drops the locks which another connection
        # of this process may have on it (POSIX locks belong to the process).
        if stat.S_IMODE(path.lstat().st_mode) & ~_PRIVATE_FILE:
            path.chmod(_PRIVATE_FILE)


def check_file(path: Path, doing: Doing) -> None:
    """Look at the file, its companions and its folder, as far as they exist.

    Raises:
        LogError: see `prepare_file`.
        OSError: they cannot be looked at.
    """
    user = os.geteuid()
    folder = path.parent.stat()
    is_open = folder.st_mode & stat.S_IWOTH and not folder.st_mode & stat.S_ISVTX
    if is_open or folder.st_uid not in (user, 0):
        reason = f"others may replace files in {path.parent}"
        raise refuse(path, reason, "use a folder of your own", doing)
    for ending in _COMPANIONS:
        file = path.with_name(path.name + ending)
        try:
            found = file.lstat()
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(found.st_mode):
            raise refuse(path, f"{file} is not a plain file", "name a file", doing)
        if found.st_uid != user:
            reason = f"{file} belongs to another user (uid {found.st_uid})"
            raise refuse(path, reason, "use a file of your own", doing)
