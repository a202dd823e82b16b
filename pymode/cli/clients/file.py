"""Replaces a file as a whole, after a backup was made."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pymode.errors import ConfigError

# Claude Code keeps its history beside the servers.
_MAX_BYTES = 64 * 1024 * 1024
_PRIVATE = 0o600


def read_file(path: Path) -> bytes | None:
    """Return the content of a file, or None if there is no file.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        # Opening a pipe would wait for somebody at its other end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConfigError(f"{path} is no file, so it is left as it is")
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from None
    if len(data) > _MAX_BYTES:
        raise ConfigError(f"{path} has more than 64 MiB, so it is left as it is")
    return data


def replace_file(path: Path, old: bytes | None, new: bytes) -> Path | None:
    """Replace the content of a file; at every moment it has either the old or the new bytes.

    A link stays one: what it leads to is replaced. The mode and the owner stay.

    Args:
        path: of the file; folders that lack are made.
        old: what was read from it, None for no file.
        new: what it will hold.

    Returns:
        Where the old bytes are kept; None where there were none.

    Raises:
        ConfigError: it cannot be written, or somebody changed it meanwhile.
    """
    try:
        target = path.resolve()
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = target.stat() if old is not None else None
        if before is not None and not os.access(target, os.W_OK):
            raise ConfigError(f"{path} may not be written; it is left as it is")
        backup = None if old is None or before is None else _keep(path, old, before)
        _swap(target, old, new, before)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror or error}") from None
    return backup


def _keep(path: Path, old: bytes, before: os.stat_result) -> Path:
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    number = 1
    while True:
        name = f"{path.name}.{moment}{f'-{number}' if number > 1 else ''}.bak"
        try:
            handle = os.open(path.with_name(name), os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE)
        except FileExistsError:
            number += 1
            continue
        _fill(handle, old, before)
        return path.with_name(name)


def _swap(target: Path, old: bytes | None, new: bytes, before: os.stat_result | None) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        _fill(handle, new, before)
        # A client may have written its file since it was read.
        if read_file(target) != old:
            raise ConfigError(f"{target} was changed by somebody else meanwhile; try again")
        os.replace(name, target)  # noqa: PTH105 - the name is text already
    except BaseException:
        with suppress(OSError):
            os.unlink(name)  # noqa: PTH108 - the name is text already
        raise
    _sync_folder(target.parent)


def _fill(handle: int, data: bytes, like: os.stat_result | None) -> None:
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        if like is not None:
            if like.st_uid != os.geteuid():
                os.fchown(handle, like.st_uid, like.st_gid)
            os.fchmod(handle, stat.S_IMODE(like.st_mode))
        os.fsync(handle)


def _sync_folder(folder: Path) -> None:
    # What was renamed is lost with the power, unless the folder is written too.
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
