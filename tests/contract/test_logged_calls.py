"""Each call and each request is in the log, no secret is, and no write goes out unrecorded."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import loopback
import pytest
from simulated_api import API, Open

from pymode.errors import CodeError
from pymode.http.redaction import find_forms
from pymode.limits import Limits
from pymode.log.records import CallRecord, RequestRecord, iterate_calls, list_requests
from pymode.policy.rules import Rules

pytestmark = pytest.mark.anyio

TOKEN = "simulated-Secret+Token/42"
WRITE = """
try:
    return (await cloudflare.request("POST", "/simulator/echo/write"))["status"]
except CloudflareError as error:
    return [error.errors[0]["code"], str(error)]
"""
READ = "return (await cloudflare.request('GET', '/zones'))['status']"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.sqlite3"


def read_log(path: Path) -> list[tuple[CallRecord, list[RequestRecord]]]:
    """All calls with their requests, oldest first."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        calls = list(iterate_calls(connection))
        return [(call, list_requests(connection, call.id)) for call in calls]


def outline(path: Path) -> list[tuple[str, str | None, list[tuple[str, str | None, int | None]]]]:
    return [
        (call.tool, call.outcome, [(one.method, one.outcome, one.status) for one in requests])
        for call, requests in read_log(path)
    ]


def read_bytes(folder: Path) -> bytes:
    """All files of a folder."""
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_each_call_and_each_request_is_recorded_with_its_outcome(
    open_code_mode: Open, api: API, path: Path
) -> None:
    calls = [
        ("execute", READ),
        ("execute", "await cloudflare.request('POST', '/zones', body={})\nreturn 1"),
        ("execute", "await cloudflare.request('DELETE', '/zones')\nreturn 1"),
        ("execute", "import os\nreturn 1"),
        ("execute", WRITE.replace("return (", "x = (") + "while True:\n    pass\nreturn x"),
        ("execute", "return object()"),
    ]
    rules = Rules.parse(deny=["DELETE /zones"])
    async with open_code_mode(log=path, rules=rules, limits=Limits(fuel=10**9)) as code_mode:
        await code_mode.search("return len(spec)")
        for _, code in calls:
            with suppress(CodeError):
                await code_mode.execute(code)
        await code_mode.execute(WRITE, dry_run=True)
    assert outline(path) == [
        ("search", "ok", []),
        ("execute", "ok", [("GET", "answered", 200)]),
        ("execute", "code raised", [("POST", "answered", 400)]),
        ("execute", "code raised", [("DELETE", "denied", None)]),
        ("execute", "code rejected", []),
        ("execute", "limit fuel", [("POST", "answered", 200)]),
        ("execute", "result rejected", []),
        ("execute", "ok", [("POST", "dry run", None)]),
    ]
    recorded = read_log(path)
    assert [call.code for call, _ in recorded[1:-1]] == [code for _, code in calls]
    failed, [post] = recorded[2]
    assert failed.message.startswith("CloudflareError: 400 POST /zones: ")
    assert post.seconds is not None
    assert post.seconds > 0
    assert (post.path, post.attempts, post.is_write) == ("/zones", 1, True)
    _, [denied] = recorded[3]
    assert "DELETE /zones (deny)" in denied.reason
    read, [get] = recorded[1]
    assert not get.is_write
    assert read.used["fuel"] > 0
    assert read.used["host_calls"] == 1
    assert read.api == "cloudflare"


async def test_what_the_check_stopped_is_recorded_too(
    open_code_mode: Open, api: API, path: Path
) -> None:
    async with open_code_mode(log=path, check="strict") as code_mode:
        await code_mode.execute(WRITE)
    [(_, [request])] = read_log(path)
    assert (request.outcome, request.attempts) == ("refused", 0)
    assert "the document has no POST /simulator/echo/write" in request.reason


async def test_a_repeated_request_is_one_with_its_attempts(
    open_code_mode: Open, api: API, path: Path
) -> None:
    code = "await cloudflare.request('GET', '/user')\n" + READ.replace("'/zones'", "'/zones?a=b'")
    api.limit_rate(1)
    async with open_code_mode(log=path) as code_mode:
        await code_mode.execute(code)
    [(_, [_, zones])] = read_log(path)
    assert (zones.path, zones.query, zones.status, zones.attempts) == ("/zones", ("a",), 200, 2)


async def test_a_write_without_an_answer_is_recorded_as_failed_or_not_sent(
    open_code_mode: Open, path: Path
) -> None:
    async def abort(writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with (
        loopback.running(abort) as server,
        open_code_mode(log=path, base_url=server.url) as code_mode,
    ):
        await code_mode.execute(WRITE)
    async with open_code_mode(log=path, base_url="http://127.0.0.1:1") as code_mode:
        await code_mode.execute(WRITE)
    (_, [lost]), (_, [unsent]) = read_log(path)
    assert (lost.outcome, lost.status) == ("failed", None)
    assert (unsent.outcome, unsent.status) == ("not sent", None)


@pytest.mark.parametrize("cancelled", [True, False])
async def test_a_write_is_recorded_before_the_api_has_it(
    open_code_mode: Open, path: Path, cancelled: bool
) -> None:
    """A look into the file while the API holds its answer back; a cancellation comes after."""
    async with loopback.running() as server:
        arrived, may_go_on = asyncio.Event(), asyncio.Event()
        seen = []

        async def answer(writer: asyncio.StreamWriter) -> None:
            seen.extend(read_log(path))
            arrived.set()
            await may_go_on.wait()
            writer.write(loopback.write_answer(b"{}"))

        server.answer = answer
        async with open_code_mode(log=path, base_url=server.url) as code_mode:
            await code_mode.prepare()
            call = asyncio.create_task(code_mode.execute(WRITE))
            await arrived.wait()
            if cancelled:
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
            may_go_on.set()
            await asyncio.wait({call})
    [(call_then, [then])] = seen
    assert (call_then.outcome, then.outcome, then.path) == (None, None, "/simulator/echo/write")
    [(call_now, [now])] = read_log(path)
    if cancelled:
        assert (call_now.outcome, now.outcome, now.status) == ("cancelled", "failed", None)
        assert "may have taken effect: POST /simulator/echo/write" in call_now.message
    else:
        assert (call_now.outcome, now.outcome, now.status) == ("ok", "answered", 200)


async def test_no_form_of_the_token_is_in_the_file(
    open_code_mode: Open, api: API, path: Path
) -> None:
    """Wherever the code puts it: in itself, in a path, a query, a body, an error, a result."""
    code = f"""
token = {TOKEN!r}
for method in ("GET", "POST"):
    for path in ("/simulator/echo/" + token, "/simulator/echo?token=" + token):
        try:
            await cloudflare.request(method, path, headers={{"x-note": token}})
        except CloudflareError as error:
            print(error)
answer = await cloudflare.request("POST", "/simulator/echo", body={{"token": token}})
print(answer)
raise ValueError(token + str(answer))
"""
    async with open_code_mode(log=path, token=TOKEN) as code_mode:
        with pytest.raises(CodeError):
            await code_mode.execute(code)
        with pytest.raises(CodeError):
            await code_mode.execute(code, dry_run=True)
        stored = read_bytes(path.parent)
    stored += read_bytes(path.parent)
    assert b"/simulator/echo" in stored
    assert b"[token]" in stored
    for form in find_forms(TOKEN):
        assert form.encode() not in stored
    # Half of it neither.
    assert b"Secret+Token" not in stored


async def test_without_a_file_nothing_is_kept_and_writes_go_out(
    open_code_mode: Open, api: API, tmp_path: Path
) -> None:
    async with open_code_mode(log=None) as code_mode:
        assert (await code_mode.execute(WRITE)).value == 200
    assert read_bytes(tmp_path) == b""


# Faults


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of another program."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def test_while_the_log_is_locked_reads_go_on_and_writes_are_refused(
    open_code_mode: Open, api: API, path: Path
) -> None:
    async with open_code_mode(log=path) as code_mode:
        assert (await code_mode.execute(WRITE)).value == 200
        with locked(path):
            assert (await code_mode.search("return len(spec) > 0")).value is True
            assert (await code_mode.execute(READ)).value == 200
            code, message = (await code_mode.execute(WRITE)).value
            assert code == "refused"
            assert "another program holds it locked" in message
            assert message.endswith("or start with --no-log; nothing was sent")
            assert len(api.writes) == 1
        assert (await code_mode.execute(WRITE)).value == 200
    assert len(api.writes) == 2
    assert [call.tool for call, _ in read_log(path)] == ["execute", "search"] + ["execute"] * 3


def spoil(path: Path, fault: str) -> Path:
    """Make what no log can be written to, and give its path."""
    if fault == "corrupted":
        path.write_bytes(b"no database at all" * 1000)
    elif fault == "a folder":
        path.mkdir()
    elif fault == "in a file":
        path.write_text("a file")
        return path / "log.sqlite3"
    elif fault == "where nothing can be made":
        return Path("/proc/self/no-log.sqlite3")
    else:
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE mine (number)")
    return path


def replace_by_rubbish(path: Path) -> None:
    """As another program may, in the middle of a call."""
    for file in path.parent.iterdir():
        file.unlink()
    path.write_bytes(b"rubbish" * 1000)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("corrupted", "the file is damaged or is no log; move "),
        ("another program's", "it is a database of another program; choose another path"),
        ("a folder", "is not a plain file"),
        ("in a file", "File exists; check the path"),
        ("where nothing can be made", "cannot be written: "),
    ],
)
async def test_with_a_log_that_cannot_be_written_reads_go_on_and_writes_are_refused(
    open_code_mode: Open,
    api: API,
    path: Path,
    caplog: pytest.LogCaptureFixture,
    fault: str,
    reason: str,
) -> None:
    """The operator is told when it starts, the code when it writes."""
    async with open_code_mode(log=spoil(path, fault)) as code_mode:
        with caplog.at_level(logging.WARNING):
            assert (await code_mode.execute(READ)).value == 200
        code, message = (await code_mode.execute(WRITE)).value
        assert (await code_mode.execute(WRITE, dry_run=True)).value == 200
    assert reason in message
    assert message.endswith("; nothing was sent")
    assert code == "refused"
    assert api.writes == []
    assert reason in caplog.text


async def test_a_log_that_breaks_during_a_call_stops_its_writes(
    open_code_mode: Open, api: API, path: Path
) -> None:
    async with loopback.running() as server:

        async def answer(writer: asyncio.StreamWriter) -> None:
            if len(server.received) == 1:
                replace_by_rubbish(path)
            writer.write(loopback.write_answer(b"{}"))

        server.answer = answer
        code = "await cloudflare.request('GET', '/zones')\n" + WRITE + READ
        async with open_code_mode(log=path, base_url=server.url) as code_mode:
            kind, message = (await code_mode.execute(code)).value
        assert [one.method for one in server.received] == ["GET"]
    assert kind == "refused"
    assert "damaged" in message


async def test_two_share_one_log(open_code_mode: Open, api: API, path: Path) -> None:
    async with open_code_mode(log=path) as one, open_code_mode(log=path) as other:
        await asyncio.gather(one.prepare(), other.prepare())
        answers = await asyncio.gather(
            *(code_mode.execute(WRITE) for code_mode in (one, other) * 8)
        )
    assert [answer.value for answer in answers] == [200] * 16
    recorded = read_log(path)
    assert len({call.id for call, _ in recorded}) == 16
    assert all(call.outcome == "ok" for call, _ in recorded)
    assert [request.status for _, requests in recorded for request in requests] == [200] * 16
    assert len({call.owner for call, _ in recorded}) == 1


async def test_calls_at_once_keep_their_requests_apart(
    open_code_mode: Open, api: API, path: Path
) -> None:
    code = "\n".join(f"await cloudflare.request('PUT', '/simulator/echo/{{0}}/{n}')" for n in "ab")
    async with open_code_mode(log=path, workers=2) as code_mode:
        await asyncio.gather(
            *(code_mode.execute(code.replace("{0}", str(n)) + "\nreturn 1") for n in range(4))
        )
    found = sorted([one.path[-3:] for one in requests] for _, requests in read_log(path))
    assert found == [[f"{n}/a", f"{n}/b"] for n in range(4)]
