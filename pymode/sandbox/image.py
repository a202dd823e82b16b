"""The sandbox image: CPython on WASI with the guest and the specs inside, compiled and cached.

An image is native code, so opening one is trusting it: the cache folder belongs to the user
alone (0700), a file of another owner is refused, and a SHA-256 beside the image is checked,
because wasmtime crashes on a damaged file. Files are written under a temporary name and renamed.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import platformdirs

from pymode import data
from pymode.documents import Spec
from pymode.documents.operations import Operations
from pymode.errors import ImageError
from pymode.sandbox import build
from pymode.sandbox.engine import ENGINE

# What is inside an image or decides about its code, besides the guest and the spec.
INGREDIENTS = ("pymode", "componentize-py", "wasmtime", "RestrictedPython")
# The image that was used the longest ago makes room for a new one.
KEPT_IMAGES = 8

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What the host needs to know of one spec of an image, without parsing the spec again.

    Args:
        base_url: its first server.
        title: of the API.
        operations: their number.
    """

    base_url: str | None
    title: str
    operations: int


@dataclass(frozen=True, slots=True)
class Image:
    """A compiled image.

    Args:
        path: the compiled component.
        memory_bytes: linear memory that it has before a call.
        documents: the specs inside, in the order in which they were given.
    """

    path: Path
    memory_bytes: int
    documents: tuple[DocumentFacts, ...]

    @property
    def operations(self) -> int:
        """The number of operations in all specs."""
        return sum(document.operations for document in self.documents)

    @property
    def documents_path(self) -> Path:
        """The documents that are inside, as compact JSON that was checked, in a list."""
        return self.path.with_suffix(".specs")

    def read_operations(self) -> list[Operations]:
        """Return what the host knows of each document; about 0.1 s for 4 MB.

        Raises:
            ImageError: the documents beside the image cannot be read.
        """
        path = self.documents_path
        try:
            return [Operations(document) for document in json.loads(path.read_bytes())]
        except (OSError, ValueError) as error:
            msg = f"the documents of the image cannot be read ({error}); remove {path}, try again"
            raise ImageError(msg) from None


def cache_folder() -> Path:
    """Return the folder of the images, private to the user.

    Raises:
        ImageError: it belongs to someone else, or cannot be made.
    """
    folder = Path(platformdirs.user_cache_dir("pymode")) / "images"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_owner(folder)
        folder.chmod(0o700)
    except OSError as error:
        msg = f"the image cache {folder} cannot be used: {error}; set XDG_CACHE_HOME to another"
        raise ImageError(msg) from None
    return folder


def cache_key(specs: Sequence[Spec]) -> str:
    """Return what names the image of `specs`: a hash over everything that goes into it."""
    digest = hashlib.sha256()
    wasm = data.folder("wasm")
    parts = [ENGINE, *(f"{name} {version(name)}" for name in INGREDIENTS)]
    sources = [wasm / "pymode.wit", *sorted((wasm / "guest").glob("*.py"))]
    fixed = (*(part.encode() for part in parts), *map(Path.read_bytes, sources))
    for content in (*fixed, *(spec.raw for spec in specs)):
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()[:32]


async def open_image(specs: Sequence[Spec], progress: Progress | None = None) -> Image:
    """Return the image of `specs`, from the cache or built now (about 20 s for 4 MB).

    Args:
        specs: what the image carries; it may be none.
        progress: called with a fraction from 0 to 1 and a sentence, while the image is built.

    Raises:
        ImageError: the image cannot be built or opened.
        SpecError: a spec cannot be understood.
    """
    folder, key = cache_folder(), cache_key(specs)
    image = await asyncio.to_thread(_open, folder, key)
    if image is None:
        say = progress or (lambda _fraction, _sentence: None)
        async with _locked(folder / f"{key}.lock", say):
            image = await asyncio.to_thread(_open, folder, key)
            if image is None:
                await _build(folder, key, specs, say)
                image = await asyncio.to_thread(_open, folder, key)
    if image is None:
        msg = f"the image in {folder} vanished while it was built; try again"
        raise ImageError(msg)
    return image


def _open(folder: Path, key: str) -> Image | None:
    """Return the cached image, or None where there is none or it is damaged."""
    path, facts_path = folder / f"{key}.image", folder / f"{key}.json"
    try:
        _check_owner(path)
        _check_owner(facts_path)
        facts = json.loads(facts_path.read_bytes())
        _check_owner(path.with_suffix(".specs"))
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != facts.pop("sha256"):
                return None
        os.utime(path)
        documents = tuple(DocumentFacts(**document) for document in facts["documents"])
        return Image(path, facts["memory_bytes"], documents)
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return None
    except OSError as error:
        msg = f"the image cannot be opened: {error}; remove {path}"
        raise ImageError(msg) from None


def _check_owner(path: Path) -> None:
    owner = path.stat().st_uid
    if owner != os.getuid():
        msg = (
            f"{path} belongs to user {owner}, not to you; an image is native code, so it is not "
            "opened. Remove it, or set XDG_CACHE_HOME to a folder of your own"
        )
        raise ImageError(msg)


@contextlib.asynccontextmanager
async def _locked(path: Path, say: Progress) -> AsyncIterator[None]:
    """Hold a lock between processes; say so while another process holds it."""
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                say(0.0, "another process builds this image")
                await asyncio.sleep(0.2)
        yield


async def _build(folder: Path, key: str, specs: Sequence[Spec], say: Progress) -> None:
    _sweep(folder)
    documents = []
    for spec in specs:
        say(0.0, f"reading {spec.source}")
        documents.append(await asyncio.to_thread(spec.parse))
    content = b"[" + b",".join(document.content for document in documents) + b"]"
    with tempfile.TemporaryDirectory(dir=folder, prefix="build-") as scratch:
        built = await build.build(Path(scratch), content, say)
        facts = {
            "sha256": built.sha256,
            "memory_bytes": built.memory_bytes,
            "documents": [
                asdict(DocumentFacts(document.base_url, document.title, document.operations))
                for document in documents
            ],
        }
        facts_path = Path(scratch) / "facts.json"
        facts_path.write_text(json.dumps(facts))
        documents_path = Path(scratch) / "documents.json"
        documents_path.write_bytes(content)
        documents_path.replace(folder / f"{key}.specs")
        # The facts come last: without them there is no image.
        built.path.replace(folder / f"{key}.image")
        facts_path.replace(folder / f"{key}.json")
    _prune(folder)


def _sweep(folder: Path) -> None:
    """Remove what builds that were killed have left behind."""
    oldest = time.time() - 3 * build.BUILD_SECONDS
    for path in folder.glob("build-*"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                shutil.rmtree(path, ignore_errors=True)


def _prune(folder: Path) -> None:
    """Remove the images that were used the longest ago."""
    images = sorted(folder.glob("*.image"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in images[KEPT_IMAGES:]:
        for suffix in (".json", ".lock", ".specs", ".image"):
            path.with_suffix(suffix).unlink(missing_ok=True)
