"""Where the next page of a list is.

The answer says it: `result_info` (or the same keys beside the list) with a cursor, a page or an
offset, or a `Link` header. An answer that says nothing is the only page, unless the code itself
asked for a page or an offset. A list that would never end is an error: a cursor came twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

Query = list[tuple[str, object]]

LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[\w*-]+\s*=\s*(?:\"[^\"]*\"|[^\s,;\"]+))*)")
REL = re.compile(r";\s*rel\s*=\s*\"?([^\";]*)", re.IGNORECASE)
POSITION_KEYS = ("page", "cursor", "cursors", "offset")


class PageError(Exception):
    """The list cannot be followed; the message says why."""


class Pagination:
    """Where the next page is.

    Args:
        path: without a query.
        query: of the first page.
    """

    def __init__(self, path: str, query: Query) -> None:
        self.path = path
        self.query = query
        self.has_next = True
        self._seen: set[str] = set()
        self._count = 0
        self._first: int | None = None
        self._by_link = False
        self._by_cursor = False

    def describe(self) -> str:
        """Name the cursor, page or offset of this page, for messages."""
        for name in ("cursor", "page", "offset"):
            value = self._get(name)
            if value is not None:
                return f"{name}={str(value)[:60]}"
        return "the query"

    def advance(self, answer: Mapping[str, object], items: list[object]) -> None:
        """Move on to the page after this one.

        Raises:
            PageError: it cannot be found.
        """
        self.has_next = False
        self._count += len(items)
        links = read_links(answer.get("link"))
        if self._by_link or links:
            self._follow_link(links.get("next"))
            return
        info = read_info(answer)
        cursor = read_cursor(info)
        if cursor:
            self._by_cursor = True
            self._remember(cursor, "cursor")
            self._set("cursor", cursor)
        elif items and not self._by_cursor:
            self._advance_by_number(info, len(items))

    def _advance_by_number(self, info: Mapping[str, object], count: int) -> None:
        """Go to the next page or offset, if the answer or else the code named one."""
        page, offset = read_int(info, "page"), read_int(info, "offset")
        total, pages = read_int(info, "total_count"), read_int(info, "total_pages")
        if page is not None and self._get("offset") is None:
            self._advance_page(info, count)
        elif offset is not None or self._get("offset") is not None:
            self._advance_offset(info, count)
        elif total or pages or (not info and (self._get("page") or self._get("per_page"))):
            self._advance_page(info, count)

    def _advance_page(self, info: Mapping[str, object], count: int) -> None:
        asked, marked = read_number(self._get("page")), read_int(info, "page")
        if asked is not None and marked is not None and marked != asked:
            raise PageError(f"page {asked} was asked for and page {marked} came; use request")
        page = asked if asked is not None else 1 if marked is None else marked
        size = read_int(info, "per_page")
        per_page = size or read_number(self._get("per_page"))
        if self._first is None:
            # Some APIs count from 0.
            self._first = 0 if page == 0 else 1
            self._count += (page - self._first) * (per_page or count)
        turned = page - self._first + 1
        pages, total = read_int(info, "total_pages"), read_int(info, "total_count")
        if pages:
            more = turned < pages
        elif total:
            # The API may give smaller pages than the code asked for, so only its own size counts.
            more = max(turned * (size or 0), self._count) < total
        else:
            # Only a page that is not full is surely the last, which takes a known size.
            more = not per_page or count >= per_page
        if more:
            self._set("page", page + 1)

    def _advance_offset(self, info: Mapping[str, object], count: int) -> None:
        asked, marked = read_number(self._get("offset")), read_int(info, "offset")
        if asked is not None and marked is not None and marked != asked:
            raise PageError(f"offset {asked} was asked for and offset {marked} came; use request")
        offset = (asked if asked is not None else marked or 0) + count
        size = read_int(info, "limit") or read_number(self._get("limit"))
        total = read_int(info, "total_count") or read_int(info, "total")
        more = offset < total if total else not size or count >= size
        if more:
            self._set("offset", offset)

    def _follow_link(self, target: str | None) -> None:
        self._by_link = True
        if target is None:
            return
        path, mark, written = target.partition("#")[0].partition("?")
        if path.startswith("//") or not (path.startswith("/") or (mark and not path)):
            raise PageError(f"the next page is at {target[:200]}, outside of this API; use request")
        self._remember(target, "Link")
        self.path = path or self.path
        self.query = [*parse_qsl(written, keep_blank_values=True)]
        self.has_next = True

    def _remember(self, mark: str, kind: str) -> None:
        if mark in self._seen:
            raise PageError(f"the same {kind} came twice ({mark[:100]}); the list would never end")
        self._seen.add(mark)

    def _get(self, name: str) -> object:
        return next((value for key, value in self.query if key == name), None)

    def _set(self, name: str, value: object) -> None:
        kept = [pair for pair in self.query if pair[0] != name]
        self.query = [*kept, (name, value)]
        self.has_next = True


def find_items(result: object, key: str | None) -> tuple[str | None, list[object]]:
    """Find the list in a result, and its key if the result is a dict.

    Raises:
        PageError: there is none, or there are several.
    """
    if result is None:
        return key, []
    if isinstance(result, list):
        return key, result
    if not isinstance(result, dict):
        raise PageError(f"the result is no list but {type(result).__name__}; use request")
    if key is not None:
        found = result.get(key)
        if found is None or isinstance(found, list):
            return key, found or []
        raise PageError(f"result[{key!r:.100}] is no list but {type(found).__name__}")
    names = [name for name, value in result.items() if isinstance(value, list)]
    if len(names) == 1:
        return names[0], result[names[0]]
    if names:
        listed = ", ".join(map(repr, names[:10]))
        raise PageError(f"the result has several lists; choose one with key=: {listed}")
    raise PageError(
        f"the result has no list, only {', '.join(map(repr, [*result][:10]))}; use request"
    )


def read_info(answer: Mapping[str, object]) -> Mapping[str, object]:
    """Find the part of an answer that says where in the list it is."""
    info, result = answer.get("result_info"), answer.get("result")
    if isinstance(info, dict) and info:
        return info
    if isinstance(result, dict) and any(mark in result for mark in POSITION_KEYS):
        return result
    return {}


def read_cursor(info: Mapping[str, object]) -> str | None:
    """Read the cursor of the next page; None when there is none."""
    cursors = info.get("cursors")
    after = cursors.get("after") if isinstance(cursors, dict) else None
    for cursor in (info.get("cursor"), after):
        if isinstance(cursor, str | int) and not isinstance(cursor, bool) and cursor != "":
            return str(cursor)
    return None


def read_int(info: Mapping[str, object], name: str) -> int | None:
    """Read a number that an API may have written as text."""
    return read_number(info.get(name))


def read_number(value: object) -> int | None:
    """Read a number of at least 0; None for anything else."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def read_links(header: object) -> dict[str, str]:
    """Read the targets in a `Link` header that lead through a list, by their `rel`."""
    links: dict[str, str] = {}
    for link in LINK.finditer(header if isinstance(header, str) else ""):
        rel = REL.search(link[2])
        for name in rel[1].lower().split() if rel else ():
            if name in ("next", "prev", "previous", "first", "last"):
                links.setdefault(name, link[1].strip())
    return links


def is_repeated(items: list[object], previous: list[object]) -> bool:
    """Say whether a page repeats the one before it.

    The first item decides, for counters and times in the others may have moved on. Plain values
    may well come twice, so of those all count.
    """
    if not items or not previous or items[0] != previous[0]:
        return False
    return isinstance(items[0], dict) or items == previous
