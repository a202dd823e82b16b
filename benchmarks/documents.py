"""The OpenAPI documents that are measured: found, fetched, normalised, multiplied.

Every approach reads the same text: compact JSON without empty `required` lists, because FastMCP's
parser refuses them. Documents of others are never part of the repository.
"""

from __future__ import annotations

import functools
import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import platformdirs

from benchmarks import bookshop
from benchmarks.counting import compact
from benchmarks.npm import NpmPackage, PackageError
from pymode.documents.document import METHODS, parse
from pymode.documents.names import derive
from pymode.documents.source import OFFICIAL_URL
from pymode.documents.syntax import read
from pymode.errors import SpecError

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared" / "specs"
CORE = REPOSITORY / "specs" / "cloudflare.json"
GITHUB_PACKAGE = NpmPackage("@octokit/openapi", "23.0.2")
GITHUB_MEMBER = "generated/api.github.com.json"
FETCH_SECONDS = 60.0


@dataclass(frozen=True)
class Document:
    """An OpenAPI document.

    Args:
        name: short, as in the results.
        title: for people.
        source: where it comes from.
        text: the whole of it, compact JSON.
        operations: how many there are.
    """

    name: str
    title: str
    source: str
    text: str
    operations: int

    @functools.cached_property
    def data(self) -> dict[str, Any]:
        """The parsed document; nobody changes it."""
        return json.loads(self.text)

    @property
    def namespace(self) -> str:
        """What code calls the API, an identifier such as "cloudflare"."""
        return derive(self.title.partition(",")[0])

    @property
    def server(self) -> str:
        """The URL of the API, without a final slash."""
        servers = self.data.get("servers") or [{}]
        url = str(servers[0].get("url", ""))
        return url.rstrip("/") if url.startswith("http") else "http://localhost"

    @functools.cached_property
    def path(self) -> Path:
        """A file with the text, named by its content, so that images of it are found again."""
        raw = self.text.encode()
        digest = hashlib.sha256(raw).hexdigest()[:12]
        path = cache_folder() / f"{self.name}-{digest}.json"
        if not path.is_file():
            write(path, raw)
        return path


@dataclass(frozen=True)
class Missing:
    """A document that could not be had, and why."""

    name: str
    reason: str


def load_documents(paths: Sequence[Path] = ()) -> list[Document | Missing]:
    """Return the documents at `paths`, by default the large one, GitHub's and the small one."""
    if paths:
        return [from_file(path) for path in paths]
    return [large(), github(), small()]


def core() -> Document:
    """Return Cloudflare's core, which comes with pymode: the document of the tasks."""
    source = CORE.relative_to(REPOSITORY).as_posix()
    return make("cloudflare-core", "Cloudflare, core", source, read(CORE.read_bytes()))


def latency_document() -> Document:
    """Return Cloudflare's document of August 2024, or the core where it is not there."""
    file = SHARED / "cloudflare-2024-08.json"
    if not file.is_file():
        return core()
    return make("cloudflare-2024-08", "Cloudflare, August 2024", file.name, read(file.read_bytes()))


def small() -> Document:
    """Return a small API of our own."""
    return make("bookshop", "Bookshop, a small API", "benchmarks/bookshop.py", bookshop.DOCUMENT)


def large() -> Document | Missing:
    """Return Cloudflare's whole document: the scaled one beside the repository, or the official."""
    file = SHARED / "cloudflare-scale.json"
    if file.is_file():
        return make(file.stem, "Cloudflare, whole", file.name, read(file.read_bytes()))
    return download("cloudflare", "Cloudflare, whole", OFFICIAL_URL)


def github() -> Document | Missing:
    """Return GitHub's document, which its maintainers publish on npm."""
    return obtain(
        "github", "GitHub", str(GITHUB_PACKAGE), lambda: GITHUB_PACKAGE.read(GITHUB_MEMBER)
    )


def download(name: str, title: str, url: str) -> Document | Missing:
    """Return the document at `url`."""
    return obtain(name, title, url, lambda: fetch(url))


def obtain(
    name: str, title: str, source: str, fetch_content: Callable[[], bytes]
) -> Document | Missing:
    """Return a document from the cache, or fetch it.

    Args:
        name: short, as in the results.
        title: for people.
        source: where it comes from, for the results; the cache is keyed by it.
        fetch_content: returns the document as JSON.
    """
    file = cache_folder() / f"{name}-{hashlib.sha256(source.encode()).hexdigest()[:12]}.json"
    try:
        if not file.is_file():
            write(file, fetch_content())
        return make(name, title, source, read(file.read_bytes()))
    except PackageError as error:
        return Missing(name, f"{source} cannot be had: {error}")
    except (httpx.HTTPError, OSError, KeyError, SpecError) as error:
        return Missing(name, f"{source} cannot be had: {type(error).__name__}: {error}"[:300])


def fetch(url: str) -> bytes:
    answer = httpx.get(url, timeout=FETCH_SECONDS, follow_redirects=True)
    return answer.raise_for_status().content


def from_file(path: Path) -> Document | Missing:
    """Return the document of a file, JSON or YAML."""
    try:
        checked = parse(path.read_bytes(), None)
    except (OSError, SpecError) as error:
        return Missing(path.stem, f"{path}: {error}")
    return make(path.stem, checked.title, path.name, json.loads(checked.content))


def make(name: str, title: str, source: str, data: dict[str, Any]) -> Document:
    """Return `data` as a document, normalised."""
    text = compact(without_empty_required(data))
    return Document(name, title, source, text, count_operations(data))


def without_empty_required(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: without_empty_required(item)
            for key, item in value.items()
            if not (key == "required" and item == [])
        }
    if isinstance(value, list):
        return [without_empty_required(item) for item in value]
    return value


def count_operations(data: dict[str, Any]) -> int:
    return sum(len(METHODS.intersection(item)) for item in data["paths"].values())


def multiply(document: Document, operations: int) -> Document:
    """Return `document` with its operations repeated under new names until there are so many.

    Paths, operation ids, summaries and tags get a number; components stay shared, as in a real API.
    """
    paths: dict[str, Any] = {}
    left, part = operations, 0
    while left > 0:
        part += 1
        for path, item in document.data["paths"].items():
            methods = [method for method in item if method in METHODS][: max(0, left)]
            left -= len(methods)
            if methods:
                shared = {key: value for key, value in item.items() if key not in METHODS}
                named = {method: renamed(item[method], part) for method in methods}
                paths[f"/part{part}{path}"] = {**shared, **named}
    tags = [
        {**tag, "name": f"{tag['name']} {number}"}
        for number in range(1, part + 1)
        for tag in document.data.get("tags", [])
    ]
    data = {**document.data, "paths": paths, "tags": tags}
    return make(f"{document.name}-{operations}", document.title, document.source, data)


def renamed(operation: dict[str, Any], part: int) -> dict[str, Any]:
    copy = {**operation}
    if "operationId" in copy:
        copy["operationId"] = f"{copy['operationId']}_{part}"
    if "summary" in copy:
        copy["summary"] = f"{copy['summary']} of part {part}"
    copy["tags"] = [f"{tag} {part}" for tag in copy.get("tags", [])]
    return copy


def cache_folder() -> Path:
    folder = platformdirs.user_cache_path("pymode-benchmarks")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees half of it."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    Path(file.name).replace(path)
