"""Looks for documents that have changed, and replaces them while the server runs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Final

from pymode.documents import find_file
from pymode.errors import PymodeError

if TYPE_CHECKING:
    from pathlib import Path

    from pymode.call.service import Service

# A person who saves a file waits for the effect; nobody waits for a URL, and it is asked for with
# the tag of the document that is known.
FILE_SECONDS: Final = 1.0
URL_SECONDS: Final = 60.0

_log = logging.getLogger(__name__)

# Time of the last change, size and inode; None for a file that is not there.
_State = tuple[int, int, int] | None


async def watch(service: Service, tell_changed: Callable[[], Awaitable[None]]) -> None:
    """Reload the documents of a service whenever one has changed; runs until it is cancelled.

    A document that cannot be used is logged, and calls go on with the one before.

    Args:
        service: its sources that are files are looked at each second, and its URLs each minute.
        tell_changed: awaited after documents were replaced.
    """
    sources = [api.spec for api in service.apis]
    has_url = any(isinstance(source, str) and "://" in source for source in sources)
    states = _look(filter(None, map(find_file, sources)))
    asked_at = time.monotonic()
    while True:
        await asyncio.sleep(FILE_SECONDS)
        # "cloudflare" is another file once the official document was pulled.
        found = _look(filter(None, map(find_file, sources)))
        is_due = has_url and time.monotonic() - asked_at >= URL_SECONDS
        if found == states and not is_due:
            continue
        states, asked_at = found, time.monotonic()
        try:
            if await service.reload():
                _log.warning("the documents have changed; new calls use the new ones")
                await tell_changed()
        except PymodeError as error:
            _log.warning("the documents have changed, and calls go on with the old ones: %s", error)


def _look(paths: Iterable[Path]) -> dict[Path, _State]:
    return {path: _read_state(path) for path in paths}


def _read_state(path: Path) -> _State:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
