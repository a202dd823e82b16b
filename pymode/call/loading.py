"""Loads what all calls share, while the first call waits: documents, policy, workers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TypeAlias

from pymode import documents
from pymode.apis.openapi import OpenAPI
from pymode.call.shared import Policy, Prepared, Shared
from pymode.limits import Limits
from pymode.policy.guard import Guard
from pymode.sandbox.image import Image, open_image
from pymode.sandbox.pool import Pool

Progress: TypeAlias = Callable[[float, str], None]
"""Hears how far loading is: a fraction from 0 to 1, and a sentence."""

_log = logging.getLogger(__name__)


async def load_documents(apis: Sequence[OpenAPI], progress: Progress | None) -> Prepared:
    """Load the documents of APIs into an image.

    Args:
        apis: the APIs, in the order in which the image has their documents.
        progress: called with a fraction from 0 to 1 and a sentence.

    Raises:
        SpecError: a document cannot be found or understood.
        ImageError: the image cannot be built or opened.
    """
    loaded = [await documents.load(api.spec, progress) for api in apis]
    image = await open_image(loaded, progress)
    for note in filter(None, (spec.note for spec in loaded)):
        _log.warning(note)
    base_urls = {
        api.name: api.base_url or document.base_url
        for api, document in zip(apis, image.documents, strict=True)
    }
    return Prepared(image, base_urls)


async def make_policy(shared: Shared) -> Policy:
    """Read the documents on the host, and bind the rules to all of them together.

    Raises:
        ConfigError: a rule names a tag or an operation that no document has.
    """
    assert shared.prepared is not None  # noqa: S101 - the documents are loaded first
    read = await asyncio.to_thread(shared.prepared.image.read_operations)
    rules = shared.rules.bind([each for operations in read for each in operations])
    return Policy(rules, [Guard(operations, rules, shared.check) for operations in read])


async def start_pool(image: Image, limits: Limits, workers: int) -> Pool:
    """Start the workers, and leave none behind if that fails.

    Raises:
        SandboxError: no worker comes up.
    """
    pool = Pool(image, limits, workers)
    try:
        await pool.start()
    # A cancelled start leaves processes behind just as a failed one does.
    except BaseException:
        await pool.close()
        raise
    return pool
