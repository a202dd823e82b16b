"""What the log keeps of calls and requests."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
from stopped_clock import Clock

from pymode.errors import LogError
from pymode.log import (
    CallRecord,
    Database,
    Log,
    RequestRecord,
    find_call,
    iterate_calls,
    list_calls,
    list_requests,
    open_to_read,
)

SECRET = "v1_abcDEF-0123456789"


def record(
    path: Path, use: Callable[[Log], Awaitable[None]], clock: Clock | None = None
) -> list[tuple[CallRecord, list[RequestRecord]]]:
    """Use a log and close it; give all calls with their requests, oldest first."""

    async def main() -> None:
        database = Database(path, clock=clock or Clock())
        await use(Log(database))
        await database.close()

    asyncio.run(main())
    return read(path)


def read(path: Path) -> list[tuple[CallRecord, list[RequestRecord]]]:
    connection = open_to_read(path)
    assert connection is not None
    with closing(connection):
        return [(call, list_requests(connection, call.id)) for call in iterate_calls(connection)]


def test_a_call_is_kept_with_each_of_its_requests(path: Path, clock: Clock) -> None:
    async def use(log: Log) -> None:
        call = log.begin_call("execute", "return 1", api="cloudflare", owner=b"\x01\xff")
        first = await log.begin_request(call, "GET", "/zones", is_write=False, query=["name"])
        log.end_request(first, 200, 0.25)
        second = await log.begin_request(
            call, "POST", "/zones", is_write=True, approval="approved by a person"
        )
        log.end_request(second, None, 3.0, attempts=2, reason="the connection was lost")
        log.note_request(
            call, "DELETE", "/zones/1", is_write=True, outcome="refused", reason="--read-only"
        )
        clock.now += 2
        log.end_call(call, "ok", used={"fuel": 12, "wall_seconds": 0.5})

    [(call, requests)] = record(path, use, clock)
    assert (call.tool, call.code, call.api, call.owner) == (
        "execute",
        "return 1",
        "cloudflare",
        "01ff",
    )
    assert (call.outcome, call.seconds) == ("ok", 2.0)
    assert call.used == {"fuel": 12, "wall_seconds": 0.5}
    assert (call.requests, call.writes, call.unanswered_writes) == (3, 2, 0)
    shown = [
        (one.number, one.method, one.path, one.query, one.outcome, one.status, one.seconds)
        for one in requests
    ]
    assert shown == [
        (1, "GET", "/zones", ("name",), "answered", 200, 0.25),
        (2, "POST", "/zones", (), "failed", None, 3.0),
        (3, "DELETE", "/zones/1", (), "refused", None, None),
    ]
    assert [one.approval for one in requests] == ["", "approved by a person", ""]
    assert [one.attempts for one in requests] == [1, 2, 0]
    assert [one.reason for one in requests] == ["", "the connection was lost", "--read-only"]


def test_a_write_is_there_for_others_before_it_is_sent(path: Path) -> None:
    """Another connection sees it and its call as soon as `begin_request` returns."""

    async def use(log: Log) -> None:
        call = log.begin_call("execute", "code")
        await log.begin_request(call, "PUT", "/a", is_write=True)
        [(found, requests)] = read(path)
        assert (found.id, found.outcome, found.unanswered_writes) == (call.id, None, 1)
        assert requests[0].outcome is None

    record(path, use)


def test_a_write_that_was_cancelled_before_it_was_sent_is_marked(path: Path) -> None:
    async def use(log: Log) -> None:
        call = log.begin_call("execute", "code")
        begin = asyncio.ensure_future(log.begin_request(call, "PUT", "/a", is_write=True))
        await asyncio.sleep(0)
        begin.cancel()
        with pytest.raises(asyncio.CancelledError):
            await begin

    [(_, requests)] = record(path, use)
    assert [request.outcome for request in requests] == ["not sent"]


def test_a_read_that_never_ended_is_recorded_with_its_call(path: Path) -> None:
    async def use(log: Log) -> None:
        call = log.begin_call("execute", "code")
        late = await log.begin_request(call, "GET", "/slow", is_write=False)
        await log.begin_request(call, "GET", "/never", is_write=False)
        log.end_call(call, "cancelled")
        log.end_request(late, outcome="failed", reason="cancelled")

    [(_, requests)] = record(path, use)
    assert {(one.path, one.outcome) for one in requests} == {("/slow", "failed"), ("/never", None)}


def test_values_of_a_query_are_never_recorded(path: Path) -> None:
    async def use(log: Log) -> None:
        call = log.begin_call("execute", "code")
        await log.begin_request(call, "POST", f"/a?key={SECRET}", is_write=True, query=["key"])
        await log.begin_request(call, "POST", f"/b#{SECRET}", is_write=True)
        log.end_call(call, "ok")

    record(path, use)
    assert SECRET.encode() not in read_bytes(path)


def test_the_last_guard_sees_every_text(path: Path) -> None:
    """The token is masked wherever a caller left it, by the guard of the log or of the call."""

    async def main() -> None:
        database = Database(path)
        log = Log(database, redact=lambda text: text.replace(SECRET, "[token]"))
        call = log.begin_call(
            f"execute {SECRET}",
            f"token = {SECRET!r} # other-secret",
            api=SECRET,
            redact=lambda text: text.replace("other-secret", "[other]"),
        )
        write = await log.begin_request(
            call,
            f"POST{SECRET}",
            f"/a/{SECRET}/other-secret",
            is_write=True,
            query=[SECRET],
            approval=SECRET,
        )
        log.end_request(write, reason=f"{SECRET} other-secret")
        log.end_call(call, f"failed {SECRET}", message=f"no {SECRET}")
        await database.close()

    asyncio.run(main())
    [(call, requests)] = read(path)
    assert call.code == "token = '[token]' # [other]"
    assert requests[0].path == "/a/[token]/[other]"
    data = read_bytes(path)
    assert SECRET.encode() not in data
    assert b"other-secret" not in data


def test_a_guard_that_fails_keeps_the_record_out_and_the_write_unsent(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(text: str) -> str:
        raise ValueError(text)

    async def main() -> None:
        database = Database(path)
        log = Log(database)
        call = log.begin_call("execute", SECRET, redact=fail)
        with pytest.raises(LogError, match=r"failed inside \(ValueError\)"):
            await log.begin_request(call, "POST", "/a", is_write=True)
        other = log.begin_call("execute", "fine")
        await log.begin_request(other, "POST", "/b", is_write=True)
        await database.close()

    asyncio.run(main())
    assert [call.code for call, _ in read(path)] == ["fine"]
    assert "could not be made: ValueError" in caplog.text
    assert SECRET not in caplog.text
    assert SECRET.encode() not in read_bytes(path)


def test_any_text_can_be_recorded(path: Path) -> None:
    """Half characters, zero bytes and lengths without end are stored, in a bounded form."""

    async def use(log: Log) -> None:
        call = log.begin_call("execute", "a\0b \ud800 " + "x" * 1_000_000)
        await log.begin_request(call, "POST", "/" + "y" * 100_000, is_write=True, query=["n"] * 999)
        log.end_call(call, "raised \udfff", message="z" * 1_000_000)

    [(call, [request])] = record(path, use)
    assert call.code.startswith("a\0b ? xxx")
    assert len(call.code) < 300_000
    assert len(call.message) < 21_000
    assert len(request.path) < 5_000
    assert len(request.query) == 50


def test_calls_are_listed_newest_first_and_found_by_their_beginning(
    path: Path, clock: Clock
) -> None:
    async def use(log: Log) -> None:
        for number in range(3):
            clock.now += 1
            call = log.begin_call("execute", str(number))
            if number == 1:
                await log.begin_request(call, "POST", "/a", is_write=True)

    calls = [call for call, _ in record(path, use, clock)]
    connection = open_to_read(path)
    assert connection is not None
    with closing(connection):
        assert [call.code for call in list_calls(connection, limit=2)] == ["2", "1"]
        assert [call.code for call in list_calls(connection, limit=9, writes=True)] == ["1"]
        for name in (calls[0].id, calls[0].id.upper(), calls[0].id[2:], calls[0].id[:-1]):
            assert find_call(connection, name) == [calls[0]]
        assert len(find_call(connection, "c_")) == 3
        assert find_call(connection, "c_\ud800%") == []


def test_file_and_folder_are_the_users_alone(path: Path) -> None:
    async def use(log: Log) -> None:
        await log.database.open()
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name

    record(path, use)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_database_is_in_wal_mode_and_gives_pages_back(path: Path) -> None:
    record(path, lambda log: log.database.open())
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)


def test_in_memory_everything_works_and_nothing_is_recorded(tmp_path: Path) -> None:
    async def main() -> None:
        database = Database(None)
        log = Log(database)
        call = log.begin_call("execute", "code")
        write = await log.begin_request(call, "POST", "/a", is_write=True)
        log.end_request(write, 200, 0.1)
        await database.flush()
        assert database.trouble is None
        assert await database.read(lambda connection: list_calls(connection, limit=9)) == []
        await database.close()

    asyncio.run(main())
    assert list(tmp_path.iterdir()) == []


def test_a_closed_log_refuses_a_write_and_ignores_the_rest(path: Path) -> None:
    async def main() -> None:
        database = Database(path)
        log = Log(database)
        call = log.begin_call("execute", "code")
        await database.close()
        await database.close()
        log.end_call(call, "ok")
        with pytest.raises(LogError, match="closed"):
            await log.begin_request(call, "POST", "/a", is_write=True)

    asyncio.run(main())


def read_bytes(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.iterdir())
