"""A process killed with SIGKILL, wherever it is, leaves no write out that the API has seen."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pymode.log import open_to_read

HERE = Path(__file__).parent
KILLS = 200
# Half of the writers are killed so long after their start, most while they open the log; the
# others so long after their first write was answered, some dozens of writes later.
LATEST_SECONDS = 0.02


def test_no_write_that_the_api_saw_is_missing_after_200_kills(path: Path) -> None:
    moments = random.Random(3)
    with start("seen_server.py") as server:
        port = int(read_line(server))
        with start("writers.py", str(path), str(port)) as writers:
            for number in range(KILLS):
                is_late = number % 2 == 0
                ask(writers, f"{'l' if is_late else 'e'}{number}")
                process = int(read_line(writers))
                if is_late:
                    assert read_line(writers) == "0\n"
                wait(writers, moments.uniform(0, LATEST_SECONDS))
                os.kill(process, signal.SIGKILL)
            ask(writers, "end")
            signals = [int(read_line(writers)) for _ in range(KILLS)]
        seen = ask_seen(port)
    recorded, ended = read_writes(path)
    assert signals == [signal.SIGKILL] * KILLS, "each writer ended because it was killed"
    assert len(seen) >= KILLS // 2
    assert set(seen) - recorded == set()
    assert ended <= set(seen), "only what the API answered has an end"


@contextmanager
def start(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a script beside this test until the end of a `with` block."""
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[1])}
    process = subprocess.Popen(
        [sys.executable, str(HERE / script), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def ask(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def wait(process: subprocess.Popen[str], seconds: float) -> None:
    """Let a writer run; its starter says nothing meanwhile unless it ends."""
    ended, _, _ = select.select([process.stdout], [], [], seconds)
    assert not ended


def ask_seen(port: int) -> list[str]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as api:
        api.sendall(b"GET /seen HTTP/1.1\r\nhost: seen\r\n\r\n")
        with api.makefile("rb") as answer:
            length = int(answer.readline() and answer.readline().split(b":")[1])
            answer.readline()
            seen: list[str] = json.loads(answer.read(length))
            return seen


def read_writes(path: Path) -> tuple[set[str], set[str]]:
    """The paths of all writes that were recorded, and of those whose end was."""
    connection = open_to_read(path)
    assert connection is not None
    with closing(connection):
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = connection.execute("SELECT path, outcome FROM requests WHERE is_write").fetchall()
    return {row[0] for row in rows}, {row[0] for row in rows if row[1] is not None}
