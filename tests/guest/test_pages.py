"""All items of a list, in whatever way an API gives it in pages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from guest.namespaces import make
from guest.pagination import read_links

Query = dict[str, str]
Answer = Callable[[str, Query], dict[str, Any]]


class Lister:
    """An API whose answers a function makes from the path and the query."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[tuple[str, Query]] = []
        self.namespace, self.error = make("cloudflare", self.call)

    async def call(self, target: str, payload: str) -> str:
        head = json.loads(payload.partition("\n")[0])
        assert (target, head["method"]) == ("cloudflare", "GET")
        query = dict(head.get("query", []))
        self.asked.append((head["path"], query))
        answer = dict(self.answer(head["path"], query))
        status, link = answer.pop("status", 200), answer.pop("link", None)
        body = answer.get("plain", {"success": status < 400, **answer})
        reply: dict[str, Any] = {"status": status, "kind": "json"}
        if link:
            reply["link"] = link
        return json.dumps(reply) + "\n" + json.dumps(body)

    def list(self, *args: Any, **keywords: Any) -> list[Any]:
        async def collect() -> list[Any]:
            return [item async for item in self.namespace.pages(*args, **keywords)]

        return asyncio.run(collect())

    def fail(self, *args: Any, **keywords: Any) -> str:
        with pytest.raises(self.error) as caught:
            self.list(*args, **keywords)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
        return str(caught.value)


def items(count: int, start: int = 0) -> list[dict[str, int]]:
    return [{"id": number} for number in range(start, start + count)]


def by_page(total: int, size: int = 20, *, most: int = 50, marks: str = "all") -> Answer:
    """Pages as the greater part of Cloudflare's API gives them."""

    def answer(_: str, query: Query) -> dict[str, Any]:
        page = int(query.get("page", "1"))
        per_page = min(most, int(query.get("per_page", size)))
        chosen = items(total)[(page - 1) * per_page : page * per_page]
        info = {"page": page, "per_page": per_page, "count": len(chosen)}
        if marks in ("all", "total"):
            info["total_count"] = total
        if marks == "all":
            info["total_pages"] = -(-total // per_page)
        return {"result": chosen, "result_info": info} if marks != "none" else {"result": chosen}

    return answer


# Pages


@pytest.mark.parametrize("marks", ["all", "total", "page"])
@pytest.mark.parametrize("total", [0, 1, 19, 20, 21, 40, 95])
def test_pages_are_turned_to_the_last_item(marks: str, total: int) -> None:
    lister = Lister(by_page(total, marks=marks))
    assert lister.list("/zones") == items(total)
    needed = max(1, -(-total // 20))
    # Without a total, a full last page can only be told by the empty one after it.
    extra = marks == "page" and total > 0 and total % 20 == 0
    assert len(lister.asked) == needed + extra


def test_the_query_goes_with_every_page() -> None:
    lister = Lister(by_page(90))
    assert lister.list("/zones?status=active", {"per_page": 50, "match": None}) == items(90)
    first, second = lister.asked
    assert first == ("/zones", {"status": "active", "per_page": "50"})
    assert second == ("/zones", {"status": "active", "per_page": "50", "page": "2"})


def test_a_page_size_that_the_api_lowers_loses_nothing() -> None:
    for marks in ("all", "total", "page"):
        assert Lister(by_page(120, marks=marks)).list("/x", {"per_page": 1000}) == items(120)


def test_the_list_begins_where_the_code_says() -> None:
    lister = Lister(by_page(95))
    assert lister.list("/zones", query={"page": 3}) == items(55, 40)
    assert [query["page"] for _, query in lister.asked] == ["3", "4", "5"]


def test_a_total_alone_leads_to_the_next_page() -> None:
    def answer(_: str, query: Query) -> dict[str, Any]:
        start = (int(query.get("page", "1")) - 1) * 10
        return {"result": items(10, start), "result_info": {"count": 10, "total_count": 30}}

    assert Lister(answer).list("/x") == items(30)


def test_pages_may_be_counted_from_0() -> None:
    def answer(_: str, query: Query) -> dict[str, Any]:
        page = int(query.get("page", "0"))
        return {"result": items(5, page * 5), "result_info": {"page": page, "total_pages": 3}}

    lister = Lister(answer)
    assert lister.list("/x") == items(15)
    assert len(lister.asked) == 3


def test_an_answer_without_marks_is_one_page() -> None:
    lister = Lister(lambda *_: {"result": items(100)})
    assert lister.list("/x") == items(100)
    assert len(lister.asked) == 1
    assert Lister(lambda *_: {"result": None}).list("/x") == []


def test_an_answer_without_marks_goes_on_when_the_code_asked_for_pages() -> None:
    lister = Lister(by_page(95, marks="none"))
    assert lister.list("/x", {"per_page": 20}) == items(95)
    assert len(lister.asked) == 5


# Cursors, offsets, links


@pytest.mark.parametrize("form", ["cursor", "cursors"])
@pytest.mark.parametrize("end", ["", None, "left out"])
def test_a_cursor_is_followed_to_its_end(form: str, end: str | None) -> None:
    def answer(_: str, query: Query) -> dict[str, Any]:
        start = int(query.get("cursor", "at0")[2:])
        after = f"at{start + 10}" if start < 20 else end
        mark: dict[str, Any] = {} if after == "left out" else {"cursor": after}
        if form == "cursors":
            mark = {"cursors": {"after": mark["cursor"]} if mark else {}}
        return {"result": items(10, start), "result_info": {"count": 10, "per_page": 10, **mark}}

    lister = Lister(answer)
    assert lister.list("/keys", {"limit": 10}) == items(30)
    assert lister.asked[2] == ("/keys", {"limit": "10", "cursor": "at20"})
    assert len(lister.asked) == 3


def test_an_empty_page_with_a_cursor_is_not_the_last() -> None:
    pages = {"": ([], "a"), "a": ([], "b"), "b": (items(2), "")}

    def answer(_: str, query: Query) -> dict[str, Any]:
        result, cursor = pages[query.get("cursor", "")]
        return {"result": result, "result_info": {"cursor": cursor}}

    assert Lister(answer).list("/keys") == items(2)


@pytest.mark.parametrize("marked", [True, False])
def test_an_offset_moves_on_by_what_came(marked: bool) -> None:
    def answer(_: str, query: Query) -> dict[str, Any]:
        offset, limit = int(query.get("offset", "0")), int(query.get("limit", "10"))
        chosen = items(25)[offset : offset + limit]
        info = {"result_info": {"offset": offset, "limit": limit, "total": 25}} if marked else {}
        return {"result": {"datasets": chosen}, **info}

    lister = Lister(answer)
    assert lister.list("/radar/datasets", {"limit": 10, "offset": 0}) == items(25)
    assert [query["offset"] for _, query in lister.asked] == ["0", "10", "20"]


@pytest.mark.parametrize("target", ["/repos/x/issues?page={}&state=open", "?page={}&state=open"])
def test_links_are_followed_as_they_are_written(target: str) -> None:
    def answer(_: str, query: Query) -> dict[str, Any]:
        page = int(query.get("page", "1"))
        links = [f'<{target.format(1)}>; rel="first"', f'<{target.format(3)}>; rel="last"']
        if page < 3:
            links.insert(0, f'<{target.format(page + 1)}>; rel="next"')
        return {"plain": items(5, page * 5), "link": ", ".join(links)}

    lister = Lister(answer)
    assert lister.list("/repos/x/issues", {"state": "open", "per_page": 5}) == items(15, 5)
    assert lister.asked[1:] == [
        ("/repos/x/issues", {"page": "2", "state": "open"}),
        ("/repos/x/issues", {"page": "3", "state": "open"}),
    ]


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ('</a?x=1,2>; rel="next"', "/a?x=1,2"),
        ("</a>; rel=next", "/a"),
        ("</a>;title=x;rel=next, </b>; rel=prev", "/a"),
        ('</a>; rel="prev next"; title="a, b"', "/a"),
        ('</b>; rel="prev", </a> ; REL="Next"', "/a"),
        ('</a>; rel="nextish"', None),
        ('</a>; title="rel=next"; rel="prev"', None),
        ("nonsense", None),
        ("<" * 2000 + ";" * 2000, None),
    ],
)
def test_the_next_link_is_found_in_every_notation(header: str, target: str | None) -> None:
    assert read_links(header).get("next") == target


@pytest.mark.parametrize("target", ["https://evil.test/x?page=2", "//evil.test/x", "page2"])
def test_a_link_that_leads_elsewhere_is_not_followed(target: str) -> None:
    lister = Lister(lambda *_: {"plain": items(2), "link": f'<{target}>; rel="next"'})
    error = lister.fail("/x")
    assert error == f"GET /x: the next page is at {target}, outside of this API; use request"
    assert len(lister.asked) == 1


# The list in the result


@pytest.mark.parametrize(
    "result",
    [
        {"buckets": items(3)},
        {"items": items(3), "total": 3, "note": {"a": []}},
        {"total_count": 3, "repositories": items(3)},
    ],
)
def test_the_only_list_of_a_result_is_taken(result: dict[str, Any]) -> None:
    assert Lister(lambda *_: {"result": result}).list("/x") == items(3)
    assert Lister(lambda *_: {"plain": result}).list("/x") == items(3)


def test_marks_may_stand_beside_the_list() -> None:
    def answer(_: str, query: Query) -> dict[str, Any]:
        page = int(query.get("page", "1"))
        issues = items(10 if page < 3 else 4, page * 10)
        return {"result": {"page": page, "per_page": 10, "count": 24, "issues": issues}}

    assert Lister(answer).list("/issues") == items(24, 10)


def test_one_of_several_lists_is_chosen_with_key() -> None:
    lister = Lister(lambda *_: {"result": {"events": items(2), "asn_info": []}})
    assert lister.list("/x", key="events") == items(2)
    assert "choose one with key=: 'events', 'asn_info'" in lister.fail("/x")
    assert lister.list("/x", key="other") == []


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ({"id": 1, "name": "x"}, "the result has no list, only 'id', 'name'; use request"),
        ("text", "the result is no list but str"),
    ],
)
def test_a_result_without_a_list_says_so(result: Any, reason: str) -> None:
    assert reason in Lister(lambda *_: {"result": result}).fail("/x")


# Lists that would never end


def test_a_server_that_ignores_the_page_is_an_error_and_no_item_comes_twice() -> None:
    lister = Lister(lambda *_: {"result": items(20), "result_info": {"page": 1, "per_page": 20}})
    got: list[Any] = []

    async def collect() -> None:
        async for item in lister.namespace.pages("/x"):
            got.append(item)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(lister.error, match="the same as the one before: page=2 is ignored"):
        asyncio.run(collect())
    assert got == items(20)
    assert len(lister.asked) == 2


def test_a_first_item_that_changes_a_little_is_still_no_progress() -> None:
    count = iter(range(1000))

    def answer(*_: object) -> dict[str, Any]:
        result = [{"id": 1}, {"seen": next(count)}]
        return {"result": result, "result_info": {"page": 1, "per_page": 2}}

    assert "is ignored" in Lister(answer).fail("/x")


def test_another_page_than_the_one_asked_for_is_an_error() -> None:
    count = iter(range(1000))

    def answer(*_: object) -> dict[str, Any]:
        return {"result": [{"id": next(count)}], "result_info": {"page": 1, "total_pages": 9}}

    assert "page 2 was asked for and page 1 came" in Lister(answer).fail("/x")


def test_a_cursor_or_link_that_comes_twice_is_an_error() -> None:
    count = iter(range(1000))

    def answer(*_: object) -> dict[str, Any]:
        number = next(count)
        return {"result": items(1, number), "result_info": {"cursor": "ab"[number % 2]}}

    lister = Lister(answer)
    assert "the same cursor came twice (a); the list would never end" in lister.fail("/x")
    assert len(lister.asked) == 3

    def link(*_: object) -> dict[str, Any]:
        return {"plain": items(1, next(count)), "link": '</x?page=2>; rel="next"'}

    assert "the same Link came twice (/x?page=2)" in Lister(link).fail("/x")


def test_equal_plain_values_at_the_start_of_two_pages_are_no_repetition() -> None:
    pages = {"": (["a", "b"], "1"), "1": (["a", "c"], "")}

    def answer(_: str, query: Query) -> dict[str, Any]:
        result, cursor = pages[query.get("cursor", "")]
        return {"result": result, "result_info": {"cursor": cursor}}

    assert Lister(answer).list("/x") == ["a", "b", "a", "c"]


# Limits and failures


@pytest.mark.parametrize(("limit", "requests"), [(0, 0), (1, 1), (20, 1), (21, 2), (99, 3)])
def test_no_more_than_the_limit_is_asked_for(limit: int, requests: int) -> None:
    lister = Lister(by_page(50))
    assert lister.list("/zones", limit=limit) == items(min(limit, 50))
    assert len(lister.asked) == requests


def test_leaving_the_loop_asks_for_nothing_more() -> None:
    lister = Lister(by_page(50))

    async def first() -> object:
        async for item in lister.namespace.pages("/zones"):
            return item
        return None

    assert asyncio.run(first()) == {"id": 0}
    assert len(lister.asked) == 1


def test_items_can_be_taken_one_by_one() -> None:
    async def take() -> list[object]:
        zones = Lister(by_page(50)).namespace.pages("/zones", limit=2)
        return [await anext(zones), await anext(zones), await anext(zones, "end")]

    assert asyncio.run(take()) == [{"id": 0}, {"id": 1}, "end"]


def test_a_page_that_fails_raises_the_error_of_request() -> None:
    def answer(_: str, query: Query) -> dict[str, Any]:
        if "page" in query:
            return {"status": 403, "errors": [{"code": 7, "message": "no"}]}
        return by_page(50)("", query)

    assert Lister(answer).fail("/zones") == "403 GET /zones: 7 no"


# How it is called


@pytest.mark.parametrize(
    ("args", "keywords", "reason"),
    [
        ((), {}, "path must be a string"),
        (("GET", "/zones"), {}, "pages takes no method, it sends GET"),
        (("/zones", {}, 5), {}, "too many arguments"),
        (("/zones",), {"path": "/x"}, "argument 'path' is given twice"),
        (("/zones",), {"per_page": 50}, r"unknown argument 'per_page' \(put it into query\)"),
        (("/zones",), {"params": {}}, r"\(use query\)"),
        (("/zones",), {"max_items": 5}, "unknown argument 'max_items': async for item in"),
        (("/zones",), {"limit": -1}, "limit must be a number of items or None, not -1"),
        (("/zones",), {"limit": "5"}, "limit must be"),
        (("/zones",), {"key": 5}, "key must be"),
        (("/zones",), {"query": 5}, "query must be a dict"),
    ],
)
def test_a_wrong_call_says_what_is_right(args: Any, keywords: Any, reason: str) -> None:
    lister = Lister(by_page(1))
    with pytest.raises(TypeError, match=reason):
        lister.list(*args, **keywords)
    assert lister.asked == []


def test_await_and_a_plain_for_say_what_to_write() -> None:
    pages = Lister(by_page(1)).namespace.pages("/zones")
    usage = r"write \[item async for item in cloudflare\.pages\('/zones'\)\]"

    async def wait() -> None:
        await pages

    with pytest.raises(TypeError, match="cannot be awaited.*" + usage):
        asyncio.run(wait())
    with pytest.raises(TypeError, match="needs `async for`.*" + usage):
        list(pages)
    assert repr(pages) == (
        "<async for item in cloudflare.pages(path, query=None, limit=None, key=None, headers=None)>"
    )


def test_headers_go_with_every_page() -> None:
    seen: list[dict[str, str]] = []

    async def call(_: str, payload: str) -> str:
        seen.append(json.loads(payload.partition("\n")[0])["headers"])
        return await lister.call("cloudflare", payload)

    lister = Lister(by_page(30))
    namespace, _ = make("cloudflare", call)

    async def count() -> int:
        return len([item async for item in namespace.pages("/x", headers={"x-a": "1"})])

    assert asyncio.run(count()) == 30
    assert seen == [{"x-a": "1"}] * 2
