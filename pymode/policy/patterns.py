"""The path patterns of rules, and the readings of a path that they are compared with.

A server may decode a path once or twice, drop a matrix parameter or an empty segment, begin the
query at a %3F, or ignore case. Which of these it does is unknown here. So a path has several
readings: a rule that forbids has to fit one of them, a rule that permits has to fit them all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from pymode.errors import ConfigError
from pymode.http.urls import MAX_DECODINGS, PLAIN

Segments = tuple[str, ...]
Glob = tuple[str, ...]
"""What a segment looks like: its texts, with at least one character between any two of them."""

PLACEHOLDER = re.compile(r"\{[^{}]*\}")
BAD_SEGMENT = re.compile(r"[\s?#\\{}]")
QUERY = re.compile(r"[?#]")
ANY: Glob = ("", "")


def read_path(path: str) -> tuple[Segments, ...]:
    """List the readings of a path, each as its decoded segments; the plainest comes first.

    Args:
        path: below the base URL, percent-encoded as it is sent; a query is left out.
    """
    path = path.partition("?")[0]
    # No server reads such a path in a second way, except that it may ignore case; see `fold`.
    if PLAIN.fullmatch(path):
        return (tuple(path[1:].split("/")),)
    found: dict[Segments, None] = {}

    def add(segments: list[str]) -> None:
        found[tuple(filter(None, segments))] = None
        bare = (segment.partition(";")[0].strip() for segment in segments)
        found[tuple(filter(None, bare))] = None

    add([unquote(segment) for segment in path.split("/")])
    # The URL builder refuses what still changes after so many rounds.
    for _ in range(MAX_DECODINGS + 1):
        decoded = unquote(path)
        for text in (decoded, unicodedata.normalize("NFKC", decoded)):
            add(text.split("/"))
            add(QUERY.split(text, maxsplit=1)[0].split("/"))
        if decoded == path:
            break
        path = decoded
    return tuple(found)


def fold_readings(readings: Iterable[Segments]) -> frozenset[Segments]:
    """Return the readings with each of their segments folded."""
    return frozenset(tuple(map(fold, segments)) for segments in readings)


def fold(text: str) -> str:
    """Return a segment in the form in which the most lenient server compares it."""
    return text.casefold() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A path in which `*` or `{name}` is one segment and `**` any number of them.

    Args:
        chunks: the segments between one `**` and the next, with the case as it was written.
        folded: the same, for a comparison that ignores case.
    """

    chunks: tuple[tuple[Glob, ...], ...]
    folded: tuple[tuple[Glob, ...], ...]

    @classmethod
    def parse(cls, text: str) -> PathPattern:
        """Read a pattern such as `/zones/*/dns_records/**` or `/zones/{zone_id}`.

        Raises:
            ConfigError: the text is not a pattern; the message says what is wrong with it.
        """
        if not text.startswith("/"):
            raise ConfigError("a path begins with '/'")
        if "//" in text:
            raise ConfigError("a path has no '//'")
        chunks: list[list[Glob]] = [[]]
        for segment in text.strip("/").split("/") if text != "/" else ():
            if segment == "**":
                chunks.append([])
            else:
                chunks[-1].append(_read_segment(segment))
        return cls(
            tuple(map(tuple, chunks)),
            tuple(tuple(tuple(map(fold, glob)) for glob in chunk) for chunk in chunks),
        )

    def fits_any(self, folded: Iterable[Segments]) -> bool:
        """Say whether at least one of the readings fits the pattern, ignoring case.

        Args:
            folded: readings from `fold_readings`.
        """
        return any(_fits(self.folded, segments) for segments in folded)

    def fits_all(self, readings: Iterable[Segments]) -> bool:
        """Say whether every reading fits the pattern, with the case as it is written."""
        return all(_fits(self.chunks, segments) for segments in readings)


def _read_segment(text: str) -> Glob:
    if text == "*":
        return ANY
    if "*" in text:
        msg = "'*' stands for one whole segment and '**' for any number; write %2A for the letter"
        raise ConfigError(msg)
    parts = PLACEHOLDER.split(text)
    if any(BAD_SEGMENT.search(part) for part in parts):
        msg = f"the segment {text[:60]!r} has a character that a path cannot have; no query either"
        raise ConfigError(msg)
    decoded = tuple(map(unquote, parts))
    if decoded[0] in (".", "..") or any("/" in part for part in decoded):
        raise ConfigError("a path has no '.', '..' or %2F; '**' fits what has a slash inside")
    return decoded


def _fits(chunks: tuple[tuple[Glob, ...], ...], segments: Segments) -> bool:
    first, last = chunks[0], chunks[-1]
    if len(chunks) == 1:
        return len(segments) == len(first) and _fits_at(first, segments, 0)
    start, end = len(first), len(segments) - len(last)
    if start > end or not (_fits_at(first, segments, 0) and _fits_at(last, segments, end)):
        return False
    for chunk in chunks[1:-1]:
        # The earliest place leaves the most room for the chunks that follow.
        places = range(start, end - len(chunk) + 1)
        place = next((at for at in places if _fits_at(chunk, segments, at)), None)
        if place is None:
            return False
        start = place + len(chunk)
    return True


def _fits_at(globs: tuple[Glob, ...], segments: Segments, start: int) -> bool:
    # Not by a regular expression: hostile text must not make it backtrack.
    return all(
        _fits_segment(glob, segment)
        for glob, segment in zip(globs, segments[start : start + len(globs)], strict=True)
    )


def _fits_segment(glob: Glob, text: str) -> bool:
    if len(glob) == 1:
        return text == glob[0]
    if glob == ANY:
        return True
    if not (text.startswith(glob[0]) and text.endswith(glob[-1])):
        return False
    position, end = len(glob[0]), len(text) - len(glob[-1])
    for part in glob[1:-1]:
        position = text.find(part, position + 1, end)
        if position < 0:
            return False
        position += len(part)
    return position < end
