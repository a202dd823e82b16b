"""Build the URL of a request from the base URL and a path that the guest chose.

Rule: whatever a server or a proxy decodes or normalises, the result lies below the base URL. So
every reading of the path is checked: as written, percent-decoded until nothing changes, and with
look-alike characters folded together.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode, urlsplit

from pymode.errors import ConfigError, RequestRefused

MAX_URL_CHARS = 16_384
MAX_DECODINGS = 4

BASE = re.compile(r"(https?)://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(/[A-Za-z0-9._~/-]*)?")
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
# After a slash a colon may be part of a name, as in "/projects:search".
KNOWN_SCHEME = re.compile(r"/(https?|wss?|ftps?|file|data|javascript):", re.IGNORECASE)
TEMPLATE = re.compile(r"\{[^{}]*\}?|\}")
# Workers AI has names such as /ai/run/@cf/meta/llama: an "@" that opens a later segment and is
# followed by a plain word can be no host. Any other "@" has to be written %40.
NAMED_AT = re.compile(r"(?<=[^/]/)@[\w-]+(?=/|$)", re.ASCII)
PLAIN = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)+")
BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def check_base(base_url: str) -> str:
    """Return a base URL without the slash at its end, fit to send a token to.

    Args:
        base_url: such as "https://api.cloudflare.com/client/v4"; http only for loopback.

    Raises:
        ConfigError: it is not such a URL.
    """
    match = BASE.fullmatch(base_url.strip())
    shown = base_url[:200]
    if not match:
        msg = f"base URL {shown!r} cannot be used; give one like https://api.example.com/v1"
        raise ConfigError(msg)
    path = match[4] or ""
    if "//" in path or {".", ".."} & set(path.split("/")):
        raise ConfigError(f"base URL {shown!r} has '//', '.' or '..' in its path")
    try:
        parts = urlsplit(match[0])
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise ConfigError(f"base URL {shown!r} cannot be used: {error}") from error
    if match[1] == "http" and not is_loopback(host):
        msg = f"base URL {shown!r} would send the token unencrypted; use https://"
        raise ConfigError(msg)
    return match[0].rstrip("/")


def add_query(url: str, query: Sequence[tuple[str, str]]) -> str:
    """Return a built URL with further pairs, such as an API key, at the end of its query."""
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query, quote_via=quote)}"


def is_loopback(host: str) -> bool:
    """Say whether a host name or address is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def build(base_url: str, path: str, query: Sequence[tuple[str, str]] = ()) -> str:
    """Join a checked base URL, a path and a query.

    Args:
        base_url: from `check_base`.
        path: below the base URL; may repeat its path and may end in "?a=b".
        query: names and values, not encoded; they follow those in `path`.

    Raises:
        RequestRefused: the path could leave the base URL, or is not a path.
    """
    path, _, written = path.partition("?")
    path = encode_path(path)
    prefix = urlsplit(base_url).path
    # The whole path of an example URL gets pasted; the prefix twice is never meant.
    if prefix and (path == prefix or path.startswith(prefix + "/")):
        path = path[len(prefix) :] or "/"
    url = base_url + path
    encoded = encode_query(written, query)
    if encoded:
        url += "?" + encoded
    if len(url) > MAX_URL_CHARS:
        msg = f"the URL has {len(url)} characters, over {MAX_URL_CHARS}; move data into the body"
        raise RequestRefused(msg)
    return url


def encode_query(written: str, query: Sequence[tuple[str, str]]) -> str:
    """Encode the query that was written into a path together with the `query` argument."""
    if "#" in written:
        raise RequestRefused("the path has a '#' in it; write %23, or leave the fragment out")
    if not written and not query:
        return ""
    if len(written) > MAX_URL_CHARS:
        raise RequestRefused("the query is too long; move data into the body")
    try:
        pairs = [*parse_qsl(written, keep_blank_values=True, errors="strict"), *query]
        return urlencode(pairs, quote_via=quote)
    except ValueError as error:
        raise RequestRefused("the query is not valid UTF-8 text") from error


def encode_path(path: str) -> str:
    """Check a path in every reading and percent-encode what is not encoded yet.

    Raises:
        RequestRefused: the path could leave the base URL, or is not a path.
    """
    if not path.startswith("/"):
        if SCHEME.match(path):
            msg = "pass only the path below the base URL, such as '/zones', not a whole URL"
            raise RequestRefused(msg)
        path = "/" + path
    if PLAIN.fullmatch(path):
        return path
    if len(path) > MAX_URL_CHARS:
        raise RequestRefused(f"the path is longer than {MAX_URL_CHARS} characters")
    check_as_written(path)
    reading = path
    for _ in range(MAX_DECODINGS):
        check_reading(reading)
        check_reading(unicodedata.normalize("NFKC", reading))
        try:
            decoded = unquote_to_bytes(reading).decode()
        except UnicodeError as error:
            msg = "the path has percent-encoded bytes that are not UTF-8"
            raise RequestRefused(msg) from error
        if decoded == reading:
            return quote(path, safe="/%:@!$&'()*+,;=~")
        reading = decoded
    raise RequestRefused("the path is percent-encoded too many times; encode it once")


def check_as_written(path: str) -> None:
    """Refuse what is wrong only in the path as written, where it has a meaning in a URL."""
    unfilled = TEMPLATE.search(path)
    if unfilled:
        msg = (
            f"the path still has {unfilled[0][:60]} in it; put a value there,"
            ' for example f"/zones/{zone_id}"'
        )
        raise RequestRefused(msg)
    if "//" in path:
        msg = "the path has '//' in it: an empty id, or a host; pass a path such as '/zones/ID'"
        raise RequestRefused(msg)
    if KNOWN_SCHEME.match(path):
        raise RequestRefused("the path begins like a URL with a scheme; pass only the path")
    if "#" in path:
        raise RequestRefused("the path has a '#' in it; write %23, or leave the fragment out")
    if "@" in NAMED_AT.sub("", path):
        raise RequestRefused("the path has an '@' in it; write %40 if it belongs to a name")
    if BAD_PERCENT.search(path):
        raise RequestRefused("the path has a '%' that encodes nothing; write %25")


def check_reading(path: str) -> None:
    """Refuse a reading of the path that could climb out or smuggle something."""
    if "\\" in path:
        raise RequestRefused("the path has a backslash in it")
    if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in path):
        raise RequestRefused("the path has a control character in it")
    if path.startswith("//"):
        raise RequestRefused("the path begins with '//', which names a host")
    for segment in path.split("/"):
        if segment.partition(";")[0].strip() in (".", ".."):
            raise RequestRefused("the path has a '.' or '..' segment in it; write it out in full")
