"""An image: what every call starts from. It is a runtime and a snapshot with documents loaded.

The snapshot of a set of documents is made once and kept in the cache. Where the cache cannot be
written, it is made at each start and lives in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final

from pymode.documents import Spec
from pymode.documents.operations import Operations
from pymode.errors import ImageError
from pymode.protocol.loading import DocumentFacts, Loaded
from pymode.sandbox import cache, loader_process, runtimes
from pymode.sandbox.cache import Progress

# Where these differ between two processes, neither can use the snapshot of the other.
INGREDIENTS: Final = ("pymode", "wasmtime")
# The modules that load documents into the snapshot, and those that check them.
LOADERS: Final = ("imports", "instance", "loader", "snapshot")
# A folder that cannot be written is no reason to fail; anything else is told.
_CANNOT_WRITE: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR}
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Image:
    """What every call starts from.

    Args:
        key: names what is loaded; the same for the same documents and versions.
        runtime: the folder of the compiled runtime.
        snapshot: the file with the memory that a call starts from.
        documents_path: the checked documents, as one list of JSON.
        documents: what is known of each, in the order in which they were given.
        files: open files that are gone once they are closed, where the cache cannot be written.
    """

    key: str
    runtime: Path
    snapshot: Path
    documents_path: Path
    documents: tuple[DocumentFacts, ...]
    files: tuple[int, ...] = field(default=(), compare=False)

    @property
    def operations(self) -> int:
        """The number of operations in all documents."""
        return sum(document.operations for document in self.documents)

    def read_operations(self) -> list[Operations]:
        """Return what the host knows of each document; about 0.1 s for 4 MB.

        Raises:
            ImageError: the documents beside the snapshot cannot be read.
        """
        path = self.documents_path
        try:
            return [Operations(document) for document in json.loads(path.read_bytes())]
        except (OSError, ValueError) as error:
            msg = f"the documents of the image cannot be read ({error}); remove {path}, try again"
            raise ImageError(msg) from None

    def close(self) -> None:
        """Close what is kept open; the image cannot be used any more."""
        for file in self.files:
            with contextlib.suppress(OSError):
                os.close(file)


def cache_key(specs: Sequence[Spec]) -> str:
    """Return what names the image of `specs`: a hash over everything that goes into it."""
    digest = hashlib.sha256()
    parts = [runtimes.key(), *(f"{name} {version(name)}" for name in INGREDIENTS)]
    room = Path(__file__).parent
    paths = [room / f"{name}.py" for name in LOADERS]
    paths += sorted((room.parent / "documents").glob("*.py"))
    contents = [*(part.encode() for part in parts), *(path.read_bytes() for path in paths)]
    for content in (*contents, *(spec.raw for spec in specs)):
        digest.update(len(content).to_bytes(8, "big") + content)
    # A relative server of a document starts where the document was fetched from.
    digest.update(json.dumps([spec.url for spec in specs]).encode())
    return digest.hexdigest()[:32]


async def open_image(
    specs: Sequence[Spec], memory_bytes: int, progress: Progress | None = None
) -> Image:
    """Return the image of `specs`, from the cache or loaded now.

    Args:
        specs: what the image carries; it may be none.
        memory_bytes: linear memory that loading may take.
        progress: called with a fraction from 0 to 1 and a sentence, while there is a wait.

    Raises:
        ImageError: the image cannot be made or opened.
        SpecError: a spec cannot be understood, or is too large.
    """
    say = progress or (lambda _fraction, _sentence: None)
    key = await asyncio.to_thread(cache_key, specs)
    folder: Path | None = None
    try:
        folder = cache.open_folder()
        runtime = await runtimes.open_runtime(folder, say)
        image = await asyncio.to_thread(_open, folder, key, runtime)
        return image or await _make(folder, key, runtime, specs, memory_bytes, say)
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            msg = f"the image cannot be opened or made: {error}; remove the file that it names"
            raise ImageError(msg) from None
        _log.warning(
            "the cache cannot be written (%s), so the specs are loaded again at each start; free "
            "space, or set XDG_CACHE_HOME to a folder of your own",
            error,
        )
    return await _make_in_memory(folder, key, specs, memory_bytes, say)


def _open(folder: Path, key: str, runtime: Path) -> Image | None:
    """Return the cached image, or None where there is none or it is damaged."""
    snapshot, documents_path = folder / f"{key}.snapshot", folder / f"{key}.documents"
    facts_path = folder / f"{key}.json"
    try:
        for path in (snapshot, documents_path, facts_path):
            cache.check_owner(path)
        facts = json.loads(facts_path.read_bytes())
        if _digest(snapshot) != facts["sha256"]:
            return None
        documents = tuple(DocumentFacts(**document) for document in facts["documents"])
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return None
    # On a folder that cannot be written the image is used all the same.
    with contextlib.suppress(OSError):
        os.utime(snapshot)
    return Image(key, runtime, snapshot, documents_path, documents)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _make(
    folder: Path,
    key: str,
    runtime: Path,
    specs: Sequence[Spec],
    memory_bytes: int,
    progress: Progress,
) -> Image:
    """Load the documents into the cache, unless another process has done so meanwhile."""
    async with cache.lock(folder / f"{key}.lock", progress) as say:
        image = await asyncio.to_thread(_open, folder, key, runtime)
        if image is None:
            with cache.make_scratch(folder, key) as scratch:
                await _load_into(scratch, runtime, specs, memory_bytes, say)
                # The facts come last: without them there is no image.
                for suffix in (".documents", ".snapshot", ".json"):
                    (scratch / f"new{suffix}").replace(folder / f"{key}{suffix}")
            cache.remove_oldest(folder)
            image = await asyncio.to_thread(_open, folder, key, runtime)
    if image is None:
        msg = f"the image in {folder} vanished while it was made; try again"
        raise ImageError(msg)
    return image


async def _load_into(
    scratch: Path, runtime: Path, specs: Sequence[Spec], memory_bytes: int, progress: Progress
) -> None:
    paths = [scratch / f"new{suffix}" for suffix in (".snapshot", ".documents")]
    files = [os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600) for path in paths]
    try:
        loaded = await loader_process.load(
            runtime, specs, (files[0], files[1]), memory_bytes, progress
        )
    finally:
        for file in files:
            os.close(file)
    facts = {
        "sha256": await asyncio.to_thread(_digest, paths[0]),
        "documents": [asdict(document) for document in loaded.documents],
    }
    (scratch / "new.json").write_text(json.dumps(facts))


async def _make_in_memory(
    folder: Path | None,
    key: str,
    specs: Sequence[Spec],
    memory_bytes: int,
    progress: Progress,
) -> Image:
    """Load the documents into files that have no name."""
    runtime = runtimes.find(folder)
    if runtime is None:
        msg = (
            "the sandbox has to be compiled for this machine, and there is no folder for it; set "
            "XDG_CACHE_HOME to a folder that can be written and has 200 MB of space"
        )
        raise ImageError(msg)
    files: list[int] = []
    try:
        files += [_make_nameless_file(), _make_nameless_file()]
        loaded: Loaded = await loader_process.load(
            runtime, specs, (files[0], files[1]), memory_bytes, progress
        )
    except OSError as error:
        for file in files:
            os.close(file)
        msg = f"there is no room for the specs, neither in the cache nor in memory: {error}"
        raise ImageError(msg) from None
    snapshot, documents = (Path(f"/proc/{os.getpid()}/fd/{file}") for file in files)
    return Image(key, runtime, snapshot, documents, loaded.documents, tuple(files))


def _make_nameless_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("pymode")
    descriptor, path = tempfile.mkstemp(prefix="pymode-")
    Path(path).unlink()
    return descriptor
