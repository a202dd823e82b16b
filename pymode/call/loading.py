"""Loads what all calls share, while the first call waits: documents, policy, workers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TypeAlias

from pymode import documents
from pymode.call.shared import Policy, Prepared, Shared
from pymode.documents import Spec
from pymode.errors import LogError
from pymode.limits import Limits
from pymode.policy.guard import Guard
from pymode.sandbox.image import Image, open_image
from pymode.sandbox.pool import Pool

Progress: TypeAlias = Callable[[float, str], None]
"""Hears how far loading is: a fraction from 0 to 1, and a sentence."""

_log = logging.getLogger(__name__)


async def find_documents(shared: Shared, progress: Progress | None) -> list[Spec]:
    """Return the documents of all APIs, not yet parsed.

    Raises:
        SpecError: one cannot be found.
    """
    found = [await documents.load(api.spec, progress) for api in shared.apis]
    for note in filter(None, (spec.note for spec in found)):
        _log.warning(note)
    return found


async def open_stores(shared: Shared) -> None:
    """Open the log and the tools, which stay the same when documents are replaced."""
    try:
        await shared.database.open()
    except LogError as error:
        # Searches and reads go on; writes are refused until they can be recorded.
        _log.warning(str(error))
    await shared.toolbox.open()


async def prepare(
    shared: Shared, found: Sequence[Spec], workers: int, progress: Progress | None
) -> Prepared:
    """Load documents into a sandbox, and start workers for it.

    Args:
        shared: what all calls share.
        found: the documents.
        workers: the number of sandbox processes.
        progress: called with a fraction from 0 to 1 and a sentence.

    Raises:
        SpecError: a document cannot be understood.
        ImageError: the image cannot be made or opened.
        SandboxError: no worker comes up.
    """
    image = await open_image(found, shared.limits.load_memory_bytes, progress)
    pool = await _start_pool(image, shared.limits, workers)
    base_urls = {
        api.name: api.base_url or document.base_url
        for api, document in zip(shared.apis, image.documents, strict=True)
    }
    return Prepared(image, pool, base_urls, tuple(shared.toolbox.sources))


async def make_policy(shared: Shared, image: Image) -> Policy:
    """Read the documents on the host, and bind the rules to all of them together.

    Raises:
        ConfigError: a rule names a tag or an operation that no document has.
        ImageError: the documents of the image cannot be read.
    """

    def make() -> Policy:
        read = image.read_operations()
        rules = shared.rules.bind([each for operations in read for each in operations])
        return Policy(rules, [Guard(operations, rules, shared.check) for operations in read])

    # A large document takes seconds, in which other calls go on.
    return await asyncio.to_thread(make)


async def _start_pool(image: Image, limits: Limits, workers: int) -> Pool:
    """Start the workers, and leave none behind if that fails."""
    pool = Pool(image, limits, workers)
    try:
        await pool.start()
    # A cancelled start leaves processes behind just as a failed one does.
    except BaseException:
        await pool.close()
        raise
    return pool
