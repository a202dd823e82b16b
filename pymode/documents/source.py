"""Finds a document: a file, a URL, a shipped name, or a mapping in memory."""

from __future__ import annotations

import asyncio
import difflib
import json
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from pymode import data
from pymode.documents import cache, document, names
from pymode.documents.syntax import MAX_SPEC_BYTES
from pymode.errors import SpecError

OFFICIAL_NAME = "cloudflare"
OFFICIAL_URL = "https://raw.githubusercontent.com/cloudflare/api-schemas/main/openapi.json"

Progress = Callable[[float, str], None]

_SUFFIXES = (".json", ".yaml", ".yml")


@dataclass(frozen=True)
class Spec:
    """A spec as it was found, not yet read.

    Args:
        source: where it comes from, for people.
        name: default name of the namespace, a Python identifier.
        raw: the document's bytes, JSON or YAML.
        note: what the user should know, such as that the cache had to serve; None for nothing.
        url: where it was fetched from; None for a file or a mapping.
    """

    source: str
    name: str
    raw: bytes
    note: str | None = None
    url: str | None = None

    @property
    def is_json(self) -> bool:
        """Whether the document is read as JSON, not as YAML."""
        return self.raw[:1_000].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"

    def parse(self) -> document.Document:
        """Read and check the document; 4 MB of JSON take half a second, so only for an image.

        Raises:
            SpecError: it is not an OpenAPI 3.0 or 3.1 document that can be used.
        """
        try:
            return document.parse(self.raw, self.url)
        except SpecError as error:
            msg = f"{self.source}: {error}"
            raise SpecError(msg) from None


async def load(
    source: str | Path | Mapping[str, object],
    progress: Progress | None = None,
    *,
    cache_folder: Path | None = None,
    data_folder: Path | None = None,
) -> Spec:
    """Find a document and return its bytes, without parsing them.

    Args:
        source: a file, a URL, a shipped name (`shipped()` lists them) or the document itself.
            "cloudflare" means the official document once it was pulled, the shipped core before.
        progress: hears of a fetch.
        cache_folder: keeps what was fetched by URL; the user's cache folder by default.
        data_folder: keeps what was pulled; the user's data folder by default.

    Raises:
        SpecError: nothing usable there, or more than `MAX_SPEC_BYTES`.
    """
    if isinstance(source, Mapping):
        return _from_mapping(source)
    if isinstance(source, str) and "://" in source:
        cache.check_url(source)
        if progress:
            progress(0.0, f"fetching {cache.show(source)}")
        folder = cache_folder or platformdirs.user_cache_path("pymode") / "specs"
        fetched = await cache.fetch(source, folder)
        return Spec(cache.show(source), name_of(source), fetched.body, fetched.note, fetched.url)
    official = _official(data_folder)
    if source == OFFICIAL_NAME and official.is_file():
        return _from_pulled(official)
    if isinstance(source, str) and source in shipped():
        return Spec(f"the shipped spec {source!r}", source, _read(shipped()[source]))
    return _from_file(source)


async def pull(
    url: str = OFFICIAL_URL,
    progress: Progress | None = None,
    *,
    data_folder: Path | None = None,
) -> Spec:
    """Fetch Cloudflare's official document, check it, and keep it for `load("cloudflare")`.

    Args:
        url: where the document lies.
        progress: hears of the steps.
        data_folder: keeps the document; the user's data folder by default.

    Raises:
        SpecError: it cannot be fetched, used or stored; what was there before stays.
    """
    tell = progress or (lambda _fraction, _sentence: None)
    tell(0.0, f"fetching {cache.show(url)}")
    fetched = await cache.fetch(url, None)
    spec = Spec(cache.show(url), OFFICIAL_NAME, fetched.body, None, fetched.url)
    tell(0.5, "checking the document")
    await asyncio.to_thread(spec.parse)
    path = _official(data_folder)
    try:
        cache.write(path, spec.raw)
    except OSError as error:
        msg = f"the spec cannot be stored in {path.parent}: {error.strerror}; make it writable"
        raise SpecError(msg) from None
    tell(1.0, f"stored as {path}")
    return spec


def find_file(source: str | Path | Mapping[str, object]) -> Path | None:
    """Return the file that a document is read from; None for a URL or a mapping.

    Args:
        source: as for `load`.
    """
    if isinstance(source, Mapping) or (isinstance(source, str) and "://" in source):
        return None
    official = _official(None)
    if source == OFFICIAL_NAME and official.is_file():
        return official
    if isinstance(source, str) and source in shipped():
        return shipped()[source]
    return Path(source).expanduser()


def name_of(source: str | Path | Mapping[str, object]) -> str:
    """Return the default name of an API, from the place of its document alone.

    It must be known before the spec is: it names the variable with the token, and an MCP server
    lists its tools at once.

    Args:
        source: as for `load`.
    """
    if isinstance(source, Mapping):
        info = source.get("info")
        title = info.get("title") if isinstance(info, Mapping) else None
        return names.derive(*(title.split() if isinstance(title, str) else []))
    if isinstance(source, str) and "://" in source:
        parts = urlsplit(source)
        return names.derive(*reversed(parts.path.split("/")), parts.hostname or "")
    return source if source in shipped() else names.derive(Path(source).name)


def shipped() -> dict[str, Path]:
    """Return the shipped specs, file by name.

    Raises:
        ConfigError: the installation lacks them.
    """
    folder = data.folder("specs")
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix in _SUFFIXES}


def _official(data_folder: Path | None) -> Path:
    folder = data_folder or platformdirs.user_data_path("pymode")
    return folder / "specs" / f"{OFFICIAL_NAME}.json"


def _from_pulled(official: Path) -> Spec:
    raw = _read(official)
    day = datetime.fromtimestamp(official.stat().st_mtime, UTC).strftime("%Y-%m-%d")
    where = f"Cloudflare's official document, pulled on {day}"
    return Spec(where, OFFICIAL_NAME, raw, url=OFFICIAL_URL)


def _from_mapping(mapping: Mapping[str, object]) -> Spec:
    try:
        raw = json.dumps(dict(mapping), ensure_ascii=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"the given mapping cannot be written as JSON: {error}"
        raise SpecError(msg) from None
    return Spec("the given mapping", name_of(mapping), raw)


def _from_file(source: str | Path) -> Spec:
    path = Path(source).expanduser()
    raw = _read(path)
    return Spec(str(path), name_of(path), raw)


def _read(path: Path) -> bytes:
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            msg = f"{path} is a folder; give the OpenAPI file in it"
            raise SpecError(msg)
        if not stat.S_ISREG(found.st_mode):
            msg = f"{path} is not a regular file; save the document as a file first"
            raise SpecError(msg)
        if found.st_size > MAX_SPEC_BYTES:
            raise SpecError(_too_large(path, found.st_size))
        with path.open("rb") as file:
            raw = file.read(MAX_SPEC_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise SpecError(_missing(path)) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        msg = f"the spec {str(path)[:200]!r} cannot be read: {reason}"
        raise SpecError(msg) from None
    if len(raw) > MAX_SPEC_BYTES:
        raise SpecError(_too_large(path, len(raw)))
    return raw


def _too_large(path: Path, size_bytes: int) -> str:
    return (
        f"{path} has {size_bytes / 2**20:,.0f} MiB; a spec may have {MAX_SPEC_BYTES >> 20} MiB. "
        "Leave out what the code need not find, or check that this is the right file"
    )


def _missing(path: Path) -> str:
    known = list(shipped())
    near = difflib.get_close_matches(str(path), known, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return (
        f"there is no file and no shipped spec {str(path)[:200]!r}{hint} "
        f"Shipped: {', '.join(known) or 'none'}. Otherwise give a file or an https URL"
    )
