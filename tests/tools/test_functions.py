"""Python functions as tools: schemas from type hints, and errors that the code can read."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import threading
from typing import Any, Literal

import pydantic
import pytest

from pymode.actions.context import Context
from pymode.errors import ConfigError
from pymode.tools import wire
from pymode.tools.functions import MAX_THREADS, FunctionsSource, only_reads
from pymode.tools.tool import ToolFailed

pytestmark = pytest.mark.anyio


@dataclasses.dataclass
class Row:
    id: int
    at: datetime.datetime


class Item(pydantic.BaseModel):
    name: str
    size: int = 1


def query(sql: str, limit: int = 100, order: Literal["asc", "desc"] = "asc") -> list[Row]:
    """Run SQL on the shop.

    It only reads.
    """
    at = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    return [Row(number, at) for number in range(min(limit, 2))]


async def insert(item: Item, *, table: str = "items") -> dict[str, Any]:
    return {"table": table, "item": item}


def peek() -> int:
    return 1


def around(seconds: float = 10) -> Context:
    return Context(_deadline=asyncio.get_running_loop().time() + seconds)


async def call(source: FunctionsSource, name: str, seconds: float = 10, **arguments: Any) -> Any:
    tools = await source.list()
    return await source.call(tools[name], arguments, around(seconds))


async def test_signature_schema_and_description_come_from_the_function() -> None:
    tools = await FunctionsSource("db", [query, insert]).list()
    assert tools["query"].signature == (
        "query(sql: str, limit: int = 100, order: Literal['asc', 'desc'] = 'asc') -> list[Row]"
    )
    assert tools["query"].description == "Run SQL on the shop.\n\nIt only reads."
    assert tools["query"].input_schema["required"] == ["sql"]
    assert tools["query"].input_schema["properties"]["limit"]["default"] == 100
    assert tools["insert"].signature == "insert(item: Item, table: str = 'items') -> dict"


async def test_results_become_json_and_arguments_what_the_hints_say() -> None:
    source = FunctionsSource("db", [query, insert])
    rows = await call(source, "query", sql="select 1")
    assert wire.write(rows, 1000) == (
        '[{"id":0,"at":"2026-01-02T00:00:00Z"},{"id":1,"at":"2026-01-02T00:00:00Z"}]'
    )
    inserted = await call(source, "insert", item={"name": "a"})
    assert wire.write(inserted, 1000) == '{"table":"items","item":{"name":"a","size":1}}'


async def test_a_function_can_promise_to_change_nothing() -> None:
    tools = await FunctionsSource("db", [only_reads(peek), query]).list()
    assert (tools["peek"].is_read, tools["query"].is_read) == (True, False)


async def test_arguments_that_do_not_fit_are_refused_with_the_signature() -> None:
    source = FunctionsSource("db", [query])
    with pytest.raises(ToolFailed, match=r"limit: .*valid integer.* It is query\(sql: str"):
        await call(source, "query", sql="x", limit="many")


async def test_what_a_function_raises_is_told_with_its_name() -> None:
    def fail() -> None:
        raise LookupError("no such table")

    def leave() -> None:
        raise SystemExit("bye")

    async def give_up() -> None:
        raise TimeoutError("the database")

    source = FunctionsSource("db", [fail, leave, give_up])
    with pytest.raises(ToolFailed, match=r"^LookupError: no such table$"):
        await call(source, "fail")
    with pytest.raises(ToolFailed, match=r"^SystemExit: bye$"):
        await call(source, "leave")
    with pytest.raises(ToolFailed, match=r"^TimeoutError: the function gave up"):
        await call(source, "give_up")


async def test_functions_that_block_end_with_the_call_and_stop_nobody_else() -> None:
    gate = threading.Event()

    def block() -> None:
        gate.wait(30)

    source = FunctionsSource("db", [block, query])
    try:
        blocked = [
            asyncio.create_task(call(source, "block", seconds=0.05)) for _ in range(MAX_THREADS)
        ]
        for outcome in await asyncio.gather(*blocked, return_exceptions=True):
            assert "was not done when the call ended" in str(outcome)
        # Their threads are taken, and that is told; other namespaces have threads of their own.
        with pytest.raises(ToolFailed, match=f"{MAX_THREADS} calls of db have not returned"):
            await call(source, "query", sql="x")
        other = FunctionsSource("other", [query])
        assert len(await call(other, "query", sql="x")) == 2
    finally:
        gate.set()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (object(), "a value of type object has no JSON form"),
        ({(1, 2): 3}, "keys must be"),
        ("\ud800", "a lone surrogate"),
        ("x" * 2000, "at most 1,000 are taken"),
    ],
)
async def test_what_is_not_json_is_told(value: object, reason: str) -> None:
    with pytest.raises(ToolFailed, match=reason):
        wire.write(value, 1000)


async def test_a_result_that_contains_itself_is_told() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(ToolFailed, match=r"not JSON|too deep"):
        wire.write(loop, 1000)


async def test_bytes_survive_both_ways() -> None:
    text = wire.write({"a": b"\xff"}, 1000)
    assert text == '{"a":{"$bytes":"/w=="}}'
    assert wire.decode_bytes({"a": [{"$bytes": "/w=="}]}) == {"a": [b"\xff"]}
    with pytest.raises(ToolFailed, match="not base64"):
        wire.decode_bytes({"$bytes": "!"})


def positional(a: int, /) -> int:
    return a


def several(*numbers: int) -> int:
    return sum(numbers)


@pytest.mark.parametrize(
    ("functions", "reason"),
    [
        ([lambda: 1], "public name"),
        ([3], "public name"),
        ([query, query], "two functions called 'query'"),
        ([several], "parameters"),
    ],
)
def test_what_cannot_be_a_tool_is_refused_at_once(functions: Any, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        FunctionsSource("db", functions)


@pytest.mark.parametrize("name", ["", "Db", "class", "spec", "print", "a-b", "1a"])
def test_a_namespace_has_a_free_python_name(name: str) -> None:
    with pytest.raises(ConfigError, match="must be a free Python name"):
        FunctionsSource(name, [query])
