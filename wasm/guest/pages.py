"""All items of a list that an API gives in pages, see `guest.pagination` for how a list goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import NoReturn, Protocol
from urllib.parse import parse_qsl

from guest import bodies
from guest.answers import APIError
from guest.pagination import PageError, Pagination, Query, find_items, is_repeated

Request = Callable[..., Awaitable[dict[str, object]]]

HINTS = {
    "method": "pages sends GET only",
    "params": "use query",
    "body": "pages sends GET only; use request",
    "per_page": "put it into query",
    "page": "put it into query",
    "cursor": "put it into query",
}


class ErrorClass(Protocol):
    """Makes the error of a namespace."""

    def __call__(self, message: str, *, request: str) -> APIError:
        """Make an error."""


def make(
    namespace: str,
    request: Request,
    error_class: ErrorClass,
    args: tuple[object, ...],
    keywords: Mapping[str, object],
) -> Pages:
    """Make the iterator from the arguments of a call of `pages`.

    Args:
        namespace: its name.
        request: of the namespace.
        error_class: of the namespace.
        args: path and query, in this order.
        keywords: path, query, limit, key, headers.

    Raises:
        TypeError: an argument is unknown, missing or of no use.
    """
    shown = signature(namespace)
    if args and isinstance(args[0], str) and args[0].upper() in ("GET", "POST"):
        raise TypeError(f"pages takes no method, it sends GET: {shown}")
    if len(args) > 2:
        raise TypeError(f"too many arguments: {shown}")
    options = dict(zip(("path", "query"), args, strict=False))
    for name, value in keywords.items():
        if name in options:
            raise TypeError(f"argument {name!r} is given twice: {shown}")
        if name not in ("path", "query", "limit", "key", "headers"):
            hint = f" ({HINTS[name]})" if name in HINTS else ""
            raise TypeError(f"unknown argument {name!r}{hint}: {shown}")
        options[name] = value
    path, limit, key = options.get("path"), options.get("limit"), options.get("key")
    if not isinstance(path, str):
        raise TypeError(f"path must be a string: {shown}")
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 0):
        raise TypeError(f"limit must be a number of items or None, not {limit!r:.100}")
    if key is not None and not isinstance(key, str):
        raise TypeError("key must be the name of the list in the result")
    bare, _, written = path.partition("?")
    query: Query = [*parse_qsl(written, keep_blank_values=True)]
    query += [(str(name), value) for name, value in bodies.write_query(options.get("query"))]
    headers = options.get("headers")

    async def get(path: str, query: Query) -> dict[str, object]:
        return await request("GET", path, query=query or None, headers=headers)

    return Pages(namespace, get, error_class, bare, query, limit, key)


def signature(name: str) -> str:
    """Show how `pages` is called."""
    return f"async for item in {name}.pages(path, query=None, limit=None, key=None, headers=None)"


class Pages:
    """The items of a list; `async for` asks for one page after the other.

    Args:
        name: of the namespace.
        get: sends one GET with a path and a query.
        error_class: raised for a list that cannot be followed.
        path: without a query.
        query: of the first page.
        limit: the most items; None for all.
        key: of the list in the result, where there are several.
    """

    def __init__(
        self,
        name: str,
        get: Callable[[str, Query], Awaitable[dict[str, object]]],
        error_class: ErrorClass,
        path: str,
        query: Query,
        limit: int | None,
        key: str | None,
    ) -> None:
        self._name = name
        self._get = get
        self._error_class = error_class
        self._path = path
        self._query = query
        self._limit = limit
        self._key = key
        self._items: AsyncIterator[object] | None = None

    def __repr__(self) -> str:
        return f"<{signature(self._name)}>"

    def __await__(self) -> NoReturn:
        raise TypeError(f"pages cannot be awaited, it is an iterator: {self._usage()}")

    def __iter__(self) -> Iterator[object]:
        raise TypeError(f"pages needs `async for`: {self._usage()}")

    def __aiter__(self) -> AsyncIterator[object]:
        return self._iterate()

    async def __anext__(self) -> object:
        if self._items is None:
            self._items = self._iterate()
        return await anext(self._items)

    async def _iterate(self) -> AsyncIterator[object]:
        left = self._limit
        pagination = Pagination(self._path, self._query)
        previous: list[object] = []
        key = self._key
        while pagination.has_next and left != 0:
            at, path = pagination.describe(), pagination.path
            answer = await self._get(path, pagination.query)
            try:
                key, items = find_items(answer.get("result"), key)
                if is_repeated(items, previous):
                    raise PageError(f"the answer is the same as the one before: {at} is ignored")
                wanted = items[:left]
                for item in wanted:
                    yield item
                left = None if left is None else left - len(wanted)
                if left != 0:
                    pagination.advance(answer, items)
            except PageError as error:
                raise self._error_class(str(error), request=f"GET {path}") from None
            previous = items

    def _usage(self) -> str:
        return f"write [item async for item in {self._name}.pages({self._path!r})]"
