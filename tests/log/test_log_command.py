"""`pymode log`, `pymode log show ID` and `pymode log export`."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from stopped_clock import Clock

from pymode.cli.log import log_app
from pymode.errors import ConfigError, LogError
from pymode.log import Database, Log

Run = Callable[..., str]


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on a log and give what it wrote to standard output."""
    monkeypatch.setenv("TZ", "UTC")

    def run_command(path: Path, *arguments: str) -> str:
        log_app([*arguments, "--log", str(path)], standalone_mode=False)
        return capfdbinary.readouterr().out.decode()

    return run_command


@pytest.fixture
def calls(path: Path, clock: Clock) -> dict[str, str]:
    """A log with four calls; gives the name of each by what it is."""
    names = {}

    async def main() -> None:
        database = Database(path, clock=clock)
        log = Log(database)
        search = log.begin_call("search", "return len(spec)", api="cloudflare")
        log.end_call(search, "ok", used={"fuel": 4_000_000})
        clock.now += 60
        write = log.begin_call("execute", "async def main():\n\treturn 1\n", api="cloudflare")
        sent = await log.begin_request(
            write, "POST", "/zones", is_write=True, query=["a"], approval="approved by a person"
        )
        log.end_request(sent, 201, 0.35, attempts=2)
        clock.now += 1.5
        log.end_call(write, "raised", message="Traceback\n  KeyError: 'x'")
        clock.now += 60
        killed = log.begin_call("execute", "killed", api="cloudflare")
        await log.begin_request(killed, "DELETE", "/zones/1", is_write=True)
        clock.now += 60
        hostile = log.begin_call("execute", "print('\x1b[2J\u202e')\r[red]", api="[bold]")
        log.note_request(hostile, "PUT", "/\x1b]0;x\x07", is_write=True, outcome="refused")
        log.end_call(hostile, "\x1b[31m[red]", message="\x9b2J")
        names.update(search=search.id, write=write.id, killed=killed.id, hostile=hostile.id)
        await database.close()

    asyncio.run(main())
    return names


def test_calls_are_listed_newest_first(run: Run, path: Path, calls: dict[str, str]) -> None:
    head, *lines = run(path).splitlines()
    assert head.split() == ["id", "time", "tool", "outcome", "requests", "duration"]
    assert [line.split()[0] for line in lines] == [
        calls["hostile"],
        calls["killed"],
        calls["write"],
        calls["search"],
    ]
    assert lines[1].split()[3:] == [
        "execute",
        "unfinished",
        "1",
        "(1",
        "write,",
        "1",
        "unanswered)",
        "-",
    ]
    assert lines[2].split()[3:] == ["execute", "raised", "1", "(1", "write)", "1.5", "s"]
    assert lines[3].split()[3:] == ["search", "ok", "0", "0", "ms"]


def test_the_list_can_be_shorter_and_of_writes_alone(
    run: Run, path: Path, calls: dict[str, str]
) -> None:
    assert len(run(path, "--limit", "2").splitlines()) == 3
    assert calls["search"] not in run(path, "--writes")
    assert len(run(path, "--writes").splitlines()) == 4


def test_a_call_is_shown_with_its_code_and_requests(
    run: Run, path: Path, calls: dict[str, str]
) -> None:
    shown = run(path, "show", calls["write"])
    assert "outcome   raised, after 1.5 s\n    Traceback\n      KeyError: 'x'\n" in shown
    assert "code\n    async def main():\n        return 1\n" in shown
    assert "  1. POST /zones?a · 201 · 350 ms · 2 attempts · approved by a person\n" in shown
    assert "used      fuel 4,000,000\n" in run(path, "show", calls["search"][2:9])


def test_a_write_that_was_never_answered_is_pointed_out(
    run: Run, path: Path, calls: dict[str, str]
) -> None:
    shown = run(path, "show", calls["killed"])
    assert "outcome   unfinished" in shown
    said = "sent, no answer recorded: check whether it took effect"
    assert f"1. DELETE /zones/1 · {said}\n" in shown


def test_nothing_that_a_model_wrote_moves_the_terminal(
    run: Run, path: Path, calls: dict[str, str]
) -> None:
    written = run(path) + run(path, "show", calls["hostile"]) + run(path, "export")
    assert all(character.isprintable() or character == "\n" for character in written)
    assert r"print('\x1b[2J\u202e')\r[red]" in written


def test_a_terminal_gets_a_table(
    run: Run, path: Path, calls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    written = run(path)
    assert "───" in written
    assert "[red]" in written
    assert calls["killed"] in written


def test_the_export_has_each_call_with_its_requests_as_one_line(
    run: Run, path: Path, calls: dict[str, str]
) -> None:
    lines = [json.loads(line) for line in run(path, "export").splitlines()]
    assert [line["id"] for line in lines] == list(calls.values())
    write = lines[1]
    assert write["time"] == "2025-10-09T08:54:20.000+00:00"
    assert (write["outcome"], write["seconds"]) == ("raised", 1.5)
    assert write["requests"] == [
        {
            "time": "2025-10-09T08:54:20.000+00:00",
            "number": 1,
            "method": "POST",
            "path": "/zones",
            "query": ["a"],
            "is_write": True,
            "approval": "approved by a person",
            "outcome": "answered",
            "status": 201,
            "seconds": 0.35,
            "attempts": 2,
            "reason": "",
        }
    ]
    assert lines[2]["outcome"] is None
    assert lines[2]["requests"][0]["outcome"] is None


def test_a_name_of_no_call_or_of_several_is_explained(
    run: Run, path: Path, calls: dict[str, str]
) -> None:
    with pytest.raises(ConfigError, match="has no call c_0; `pymode log` lists them"):
        run(path, "show", "c_0")
    with pytest.raises(ConfigError, match="stands for several calls"):
        run(path, "show", "c_")


def test_where_nothing_was_recorded_that_is_said(
    path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for arguments in ([], ["export"]):
        log_app([*arguments, "--log", str(path)], standalone_mode=False)
        out, err = capfd.readouterr()
        assert (out, err) == ("", f"pymode: nothing was recorded in {path} yet\n")
    assert not path.parent.exists()


@pytest.mark.parametrize("arguments", [[], ["show", "c_a"], ["export"]])
def test_a_damaged_log_is_explained(run: Run, path: Path, arguments: list[str]) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"no database " * 1_000)
    with pytest.raises(LogError, match=f"cannot be read: the file is damaged.*move {path} away"):
        run(path, *arguments)


def test_a_record_that_is_nonsense_is_explained(
    run: Run, path: Path, calls: dict[str, str]
) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE calls SET used = 'no json', tool = CAST(x'ff' AS TEXT)")
        other.commit()
    with pytest.raises(LogError, match="cannot be read: the file is damaged"):
        run(path)
