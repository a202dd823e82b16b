"""Documents fetched by URL: revalidated if there is a network, and kept if there is none."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urljoin, urlsplit

from pymode.documents.syntax import MAX_SPEC_BYTES
from pymode.errors import HostCallError, SpecError

if TYPE_CHECKING:
    from pymode.http.client import Response

FETCH_SECONDS = 120.0
_MAX_REDIRECTS = 5


@dataclass(frozen=True)
class Fetched:
    """The body of a URL and how it came.

    Args:
        body: as fetched, at most `MAX_SPEC_BYTES`.
        url: the final URL, after redirects.
        note: what the user should know, such as that the network is down.
    """

    body: bytes
    url: str
    note: str | None = None


@dataclass(frozen=True)
class _Head:
    """First line of a cache entry; the body follows."""

    url: str
    final_url: str
    day: str
    sha256: str
    etag: str | None
    last_modified: str | None


class _NotServed(Exception):
    """The server cannot give the document at this moment."""


async def fetch(url: str, folder: Path | None) -> Fetched:
    """Return the body of `url`, from the cache when the server says so or cannot answer.

    Args:
        url: https, or http on loopback: what is built from a spec runs with the user's token, so
            nobody on the way may change it.
        folder: of the cache; None neither reads nor writes one.

    Raises:
        SpecError: the URL cannot be used, or neither network nor cache has it.
    """
    check_url(url)
    entry = folder / f"{hashlib.sha256(url.encode()).hexdigest()[:40]}.spec" if folder else None
    cached = _read(entry, url) if entry else None
    head = cached[0] if cached else None
    conditions: dict[str, str] = {}
    if head and head.etag:
        conditions["if-none-match"] = head.etag
    if head and head.last_modified:
        conditions["if-modified-since"] = head.last_modified
    try:
        response, final_url = await _get(url, conditions)
        if response.status == 304 and cached:
            return Fetched(cached[1], cached[0].final_url)
        _check_response(response)
    except (HostCallError, _NotServed) as error:
        if not cached:
            msg = f"the spec at {show(url)} cannot be fetched: {error}"
            raise SpecError(msg) from None
        note = f"{show(url)} cannot be fetched ({error}); served from the cache of {cached[0].day}"
        return Fetched(cached[1], cached[0].final_url, note)
    if entry:
        _store(entry, url, final_url, response)
    return Fetched(response.body, final_url)


def _check_response(response: Response) -> None:
    status = response.status
    if status >= 500 or status == 429:
        msg = f"the server answers {status}; try again later"
        raise _NotServed(msg)
    if status in (401, 403):
        msg = f"the server answers {status}; download the document and give the file"
        raise SpecError(msg)
    if status != 200:
        msg = f"the server of the spec answers {status}; check the URL"
        raise SpecError(msg)
    if response.body.lstrip()[:1] == b"<":
        msg = "the answer is a web page, not JSON or YAML; look for the raw document's URL"
        raise _NotServed(msg)


async def _get(url: str, headers: dict[str, str]) -> tuple[Response, str]:
    # httpx takes 0.1 s to import, and a file needs none of it.
    from pymode.http.client import Http

    local = _is_loopback(urlsplit(url))
    async with Http(
        response_bytes=MAX_SPEC_BYTES, wall_seconds=FETCH_SECONDS, connections=1
    ) as http:
        for _ in range(_MAX_REDIRECTS + 1):
            response = await http.send("GET", url, headers=headers)
            target = response.headers.get("location")
            if response.status not in (301, 302, 303, 307, 308) or not target:
                return response, url
            url = urljoin(url, target)
            parts = check_url(url)
            if _is_loopback(parts) and not local:
                msg = f"the spec's server redirects to this machine ({show(url)}); check the URL"
                raise SpecError(msg)
    msg = f"the spec's server redirects more than {_MAX_REDIRECTS} times; give the final URL"
    raise SpecError(msg)


def check_url(url: str) -> SplitResult:
    """Return the parts of a URL that a spec may be fetched from.

    Raises:
        SpecError: another scheme than https (http on loopback), a password, or no host.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        host = None
    if not host or any(character <= " " or character == "\x7f" for character in url):
        msg = f"{url[:200]!r} is not a URL to fetch; write https://host/path, or the path of a file"
        raise SpecError(msg)
    if parts.username is not None or parts.password is not None:
        msg = "the spec's URL holds a password; download the document and give the file"
        raise SpecError(msg)
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts)):
        return parts
    msg = (
        f"a spec is fetched by https only (http on this machine), not from {show(url)}; "
        "use https, or download the document and give the file"
    )
    raise SpecError(msg)


def _is_loopback(parts: SplitResult) -> bool:
    if parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def show(url: str) -> str:
    """Return `url` for people: its query may hold a key and is left out."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:200]


def _read(entry: Path, url: str) -> tuple[_Head, bytes] | None:
    try:
        line, _, body = entry.read_bytes().partition(b"\n")
        head = _Head(**json.loads(line))
    except (OSError, ValueError, TypeError):
        return None
    if head.url != url or head.sha256 != hashlib.sha256(body).hexdigest():
        return None
    return head, body


def _store(entry: Path, url: str, final_url: str, response: Response) -> None:
    head = _Head(
        url=url,
        final_url=final_url,
        day=datetime.now(UTC).strftime("%Y-%m-%d"),
        sha256=hashlib.sha256(response.body).hexdigest(),
        etag=response.headers.get("etag"),
        last_modified=response.headers.get("last-modified"),
    )
    # A full or read-only disk costs the cache, not the call.
    with contextlib.suppress(OSError):
        write(entry, json.dumps(asdict(head)).encode() + b"\n" + response.body)


def write(path: Path, content: bytes) -> None:
    """Write a file that nobody sees half of, in a folder that is the user's own.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
