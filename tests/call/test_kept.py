"""A kept of kept results: what it answers to a guest that asks for anything at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pymode.call.kept import KeptResults
from pymode.log import Database, Results

ALICE, BOB = b"a" * 32, b"b" * 32


def use(do: Callable[[Results], Awaitable[None]]) -> None:
    async def main() -> None:
        database = Database(None)
        await do(Results(database))
        await database.close()

    asyncio.run(main())


async def keep(kept: KeptResults, value: Any) -> str | None:
    keeper = kept.keeping(value, "a test")
    assert keeper is not None
    return await keeper()


async def ask(kept: KeptResults, payload: str) -> tuple[dict[str, Any], str]:
    head, _, content = (await kept.answer(payload)).partition("\n")
    return json.loads(head), content


def test_what_is_kept_is_answered_by_name_and_listed() -> None:
    async def do(results: Results) -> None:
        kept = KeptResults(results, ALICE, 1000)
        name = await keep(kept, {"ü": [1, None]})
        assert await ask(kept, json.dumps({"name": name})) == ({"ok": True}, '{"ü":[1,null]}')
        assert await ask(kept, "{}") == ({"ok": True}, json.dumps([name]))
        other = KeptResults(results, BOB, 1000)
        assert (await ask(other, json.dumps({"name": name})))[0]["error"]["kind"] == "missing"
        assert await ask(other, "{}") == ({"ok": True}, "[]")

    use(do)


@pytest.mark.parametrize(
    "payload",
    [
        *("", "x", "[]", "null", '{"name": 1}', '{"name": ["a"]}', '{"names": "r_a"}'),
        *("[" * 100_000, json.dumps({"name": "r_" * 50_000}), "9" * 10_000),
        *('{"name": "\\ud800"}', '{"name": "%"}'),
    ],
)
def test_nonsense_finds_nothing(payload: str) -> None:
    async def do(results: Results) -> None:
        kept = KeptResults(results, ALICE, 1000)
        await keep(kept, [1])
        head, content = await ask(kept, payload)
        assert (head["error"]["kind"], content) == ("missing", "")
        assert len(head["error"]["message"]) < 300

    use(do)


def test_without_an_owner_nothing_is_kept_or_found() -> None:
    async def do(results: Results) -> None:
        name = await results.keep(b"", "[1]")
        kept = KeptResults(results, None, 1000)
        assert kept.keeping([1], "a test") is None
        assert await kept.list() == []
        assert await kept.read(name) is None
        for payload in ("{}", json.dumps({"name": name})):
            assert "a token of their own" in (await ask(kept, payload))[0]["error"]["message"]

    use(do)


def test_what_is_larger_than_a_result_may_be_is_neither_kept_nor_handed_out() -> None:
    async def do(results: Results) -> None:
        assert await keep(KeptResults(results, ALICE, 10), "ü" * 5) is None
        name = await keep(KeptResults(results, ALICE, 12), "ü" * 5)
        assert name is not None
        head, _ = await ask(KeptResults(results, ALICE, 11), json.dumps({"name": name}))
        assert head["error"]["kind"] == "unreadable"

    use(do)
