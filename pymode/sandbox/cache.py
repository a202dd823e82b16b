"""The cache folder of runtimes and images: whose it is, who writes to it, and what is removed.

What lies in it is trusted: a runtime is native code, and a snapshot is the memory of a guest. So
the folder belongs to the user alone (0700), and a file of another owner is refused. Files are
written under a temporary name and renamed.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final, TextIO

import platformdirs

from pymode.errors import ImageError

# What was used the longest ago makes room for something new.
KEPT_IMAGES: Final = 8
KEPT_RUNTIMES: Final = 2
# What a process that was killed has left behind is removed when it is that old.
LEFT_SECONDS: Final = 1800.0
_POLL_SECONDS: Final = 0.2
# A fraction and a sentence, as the process that holds a lock writes them for those who wait.
_MAX_PROGRESS_CHARS: Final = 500

Progress = Callable[[float, str], None]


def open_folder() -> Path:
    """Return the cache folder, private to the user.

    Raises:
        ImageError: it belongs to someone else.
        OSError: it cannot be made.
    """
    folder = Path(platformdirs.user_cache_dir("pymode")) / "images"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_owner(folder)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def check_owner(path: Path) -> None:
    """Refuse what belongs to another user.

    Raises:
        ImageError: it does.
        OSError: it is not there, or cannot be looked at.
    """
    owner = path.stat().st_uid
    if owner != os.getuid():
        msg = (
            f"{path} belongs to user {owner}, not to you; the sandbox trusts what is in it, so it "
            "is not opened. Remove it, or set XDG_CACHE_HOME to a folder of your own"
        )
        raise ImageError(msg)


@contextlib.asynccontextmanager
async def lock(path: Path, progress: Progress) -> AsyncIterator[Progress]:
    """Hold a lock between processes, and yield what is to be told how far the work is.

    A process that waits for the lock tells its own caller what the holder says.

    Args:
        path: the file of the lock.
        progress: called with a fraction from 0 to 1 and a sentence.

    Raises:
        OSError: the file cannot be written.
    """
    with path.open("a+") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                progress(*_read_progress(file))
                await asyncio.sleep(_POLL_SECONDS)

        def tell(fraction: float, sentence: str) -> None:
            progress(fraction, sentence)
            # Nobody must fail because those who wait hear nothing: the disk may be full.
            with contextlib.suppress(OSError):
                file.seek(0)
                file.truncate()
                file.write(f"{fraction:.3f} {sentence}")
                file.flush()

        yield tell
        file.truncate(0)


def _read_progress(file: TextIO) -> tuple[float, str]:
    file.seek(0)
    fraction, _, sentence = file.read(_MAX_PROGRESS_CHARS).partition(" ")
    try:
        return float(fraction), f"another process does this: {sentence}"
    except ValueError:
        return 0.0, "another process does this"


@contextlib.contextmanager
def make_scratch(folder: Path, name: str) -> Iterator[Path]:
    """Make a temporary folder in the cache, and remove it at the end.

    Call it while the lock of `name` is held: what a process that was killed has left is removed.
    """
    prefix = f"build-{name}-"
    _remove_left(folder, prefix)
    scratch = folder / f"{prefix}{os.getpid()}"
    scratch.mkdir(mode=0o700)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _remove_left(folder: Path, prefix: str) -> None:
    oldest = time.time() - LEFT_SECONDS
    for path in folder.glob("build-*"):
        with contextlib.suppress(FileNotFoundError):
            # Nobody else works under this prefix, because its lock is held.
            if path.name.startswith(prefix) or path.stat().st_mtime < oldest:
                shutil.rmtree(path, ignore_errors=True)


def remove_oldest(folder: Path) -> None:
    """Remove the images and runtimes that were used the longest ago."""
    images = _sort(folder.glob("*.snapshot"))
    for path in images[KEPT_IMAGES:]:
        for suffix in (".json", ".lock", ".documents", ".snapshot"):
            path.with_suffix(suffix).unlink(missing_ok=True)
    for path in _sort(each for each in folder.glob("runtime-*") if each.is_dir())[KEPT_RUNTIMES:]:
        shutil.rmtree(path, ignore_errors=True)
        path.with_suffix(".lock").unlink(missing_ok=True)


def _sort(paths: Iterator[Path]) -> list[Path]:
    found = []
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            found.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(found, reverse=True)]
