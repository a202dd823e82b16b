"""The shell's view of the log: `pymode log`, `pymode log show ID` and `pymode log export`."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pymode.cli.console import escape, escape_lines, say
from pymode.errors import ConfigError
from pymode.log.faults import explain
from pymode.log.place import default_path
from pymode.log.records import (
    CallRecord,
    RequestRecord,
    find_call,
    iterate_calls,
    list_calls,
    list_requests,
)
from pymode.log.schema import open_to_read

UNANSWERED = "sent, no answer recorded: check whether it took effect"
UNFINISHED = "unfinished"
_COLUMNS = ("id", "time", "tool", "outcome", "requests", "duration")

log_app = typer.Typer(help="What was called and sent: newest first, or one call, or all as JSON.")

LogPath = Annotated[
    Path | None,
    typer.Option("--log", metavar="PATH", envvar="PYMODE_LOG", help="The log's file."),
]


@log_app.callback(invoke_without_command=True)
def show_calls(
    context: typer.Context,
    log: LogPath = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The most calls shown.")] = 20,
    writes: Annotated[
        bool, typer.Option("--writes", help="Only calls with requests that change something.")
    ] = False,
) -> None:
    """List the newest calls."""
    context.obj = log
    if context.invoked_subcommand is not None:
        return
    with _reading(log) as connection:
        calls = list_calls(connection, limit=limit, writes=writes) if connection else []
    rows = [_summarize(call) for call in calls]
    if rows and sys.stdout.isatty():
        _draw(rows)
    elif rows:
        _write(_align([_COLUMNS, *rows]))


@log_app.command("show")
def show_call(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", help="Of a call, or its beginning.")],
    log: LogPath = None,
) -> None:
    """Show one call: its code, its outcome, what it used, and each of its requests."""
    with _reading(log or context.obj) as connection:
        found = find_call(connection, name) if connection else []
        if not found:
            msg = f"the log has no call {name}; `pymode log` lists them"
            raise ConfigError(msg)
        if len(found) > 1:
            names = ", ".join(call.id for call in found)
            msg = f"{name} stands for several calls: {names}; write more of the one you mean"
            raise ConfigError(msg)
        _write(_describe(found[0], list_requests(connection, found[0].id) if connection else []))


@log_app.command("export")
def export_calls(context: typer.Context, log: LogPath = None) -> None:
    """Write all calls with their requests to standard output, as JSON Lines, oldest first."""
    with _reading(log or context.obj) as connection:
        if connection is None:
            return
        # One transaction: what is written meanwhile belongs to the next export.
        connection.execute("BEGIN")
        _write(
            _export(call, list_requests(connection, call.id)) for call in iterate_calls(connection)
        )


@contextmanager
def _reading(path: Path | None) -> Iterator[sqlite3.Connection | None]:
    """Yield a connection to read from, or None with a message if there is no log."""
    file = Path(os.path.abspath(path or default_path()))  # noqa: PTH100 - a link is refused, not followed
    connection = open_to_read(file)
    if connection is None:
        say(f"pymode: nothing was recorded in {file} yet")
        yield None
        return
    with closing(connection):
        try:
            yield connection
        except (sqlite3.Error, ValueError) as error:
            raise explain(error, file, "read") from None


def _write(lines: Iterator[str] | Sequence[str]) -> None:
    try:
        for line in lines:
            sys.stdout.buffer.write(line.encode() + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Whoever read it has seen enough; Python must not flush the rest at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _summarize(call: CallRecord) -> tuple[str, ...]:
    counts = [f"{call.writes} write{'s' * (call.writes != 1)}"] if call.writes else []
    if call.unanswered_writes:
        counts.append(f"{call.unanswered_writes} unanswered")
    return (
        call.id,
        # Without the year: the log reaches back some weeks.
        _show_time(call.started)[5:],
        escape(call.tool),
        escape(call.outcome or UNFINISHED),
        f"{call.requests} ({', '.join(counts)})" if counts else str(call.requests),
        _show_seconds(call.seconds),
    )


def _draw(rows: list[tuple[str, ...]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in _COLUMNS:
        # In 80 columns what is long wraps; a name that is cut could not be given to `show`.
        table.add_column(name, no_wrap=name not in ("outcome", "requests"))
    for row in rows:
        # Text, not markup: the outcome may hold square brackets.
        cells = [Text(cell) for cell in row]
        cells[3].stylize("green" if row[3] == "ok" else "red")
        cells[4].stylize("yellow" if "unanswered" in row[4] else "")
        table.add_row(*cells)
    Console().print(table)


def _align(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _describe(call: CallRecord, requests: list[RequestRecord]) -> Iterator[str]:
    yield f"{call.id}  {_show_time(call.started)}  {escape(call.tool)} {escape(call.api)}".rstrip()
    if call.outcome is None:
        yield f"outcome   {UNFINISHED}: it runs still, or its process was killed"
    else:
        yield f"outcome   {escape(call.outcome)}, after {_show_seconds(call.seconds)}"
    if call.message:
        yield from _indent(call.message, escape_lines)
    if call.used:
        used = ", ".join(f"{escape(name)} {amount:,}" for name, amount in call.used.items())
        yield f"used      {used}"
    yield "code"
    yield from _indent(call.code, escape_lines)
    yield f"requests  {call.requests}"
    for request in requests:
        yield f"  {request.number}. {_describe_request(request)}"


def _describe_request(request: RequestRecord) -> str:
    query = f"?{'&'.join(request.query)}" if request.query else ""
    parts = [
        f"{request.method} {request.path}{query}",
        _describe_end(request),
        *([_show_seconds(request.seconds)] if request.seconds is not None else []),
        *([f"{request.attempts} attempts"] if (request.attempts or 0) > 1 else []),
        *([request.approval] if request.approval else []),
        *([request.reason] if request.reason else []),
    ]
    return escape(" · ".join(parts))


def _describe_end(request: RequestRecord) -> str:
    if request.outcome is None:
        return UNANSWERED if request.is_write else "no answer recorded"
    return str(request.status) if request.status is not None else request.outcome


def _export(call: CallRecord, requests: list[RequestRecord]) -> str:
    record = asdict(call) | {"requests": [_export_request(request) for request in requests]}
    for name in ("writes", "unanswered_writes"):
        del record[name]
    return json.dumps({"id": call.id, "time": _iso(call.started), **_without_start(record)})


def _export_request(request: RequestRecord) -> dict[str, object]:
    return {"time": _iso(request.started), **_without_start(asdict(request))}


def _without_start(record: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in record.items() if name != "started"}


def _indent(text: str, clean: Callable[[str], list[str]]) -> list[str]:
    return [f"    {line}".rstrip() for line in clean(text)]


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _show_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _show_seconds(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
