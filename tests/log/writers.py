"""Starts writers that live until they are killed: a line with a name in, a process id out.

The writer itself says its id, so that it comes before whatever else it says. A writer whose name
begins with "l" (for late) says `0` when its first write was answered. Writers are forks of a
process that has imported everything and has one thread: 200 of them start in a second. `end`
waits for those that were killed and leaves.

    python writers.py LOG PORT
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from itertools import count
from pathlib import Path

from pymode.log import Database, Log


async def write_for_ever(name: str, path: Path, port: int) -> None:
    """Record a write, send it, wait for its answer, record that: again and again."""
    log = Log(Database(path))
    call = log.begin_call("execute", f"# {name}", api="seen")
    with socket.create_connection(("127.0.0.1", port)) as api:
        for number in count():
            target = f"/{name}/{number}"
            request = await log.begin_request(call, "POST", target, is_write=True)
            api.sendall(f"POST {target} HTTP/1.1\r\nhost: seen\r\n\r\n".encode())
            if not api.recv(4096):
                return
            log.end_request(request, 200, 0.001)
            if number == 0 and name.startswith("l"):
                answer(0)


def answer(number: int) -> None:
    """Tell the test."""
    print(number, flush=True)  # noqa: T201 - a pipe between two processes


def main() -> None:
    path, port = Path(sys.argv[1]), int(sys.argv[2])
    started = []
    for line in sys.stdin:
        name = line.strip()
        if name == "end":
            break
        process = os.fork()
        if process == 0:
            answer(os.getpid())
            try:
                asyncio.run(write_for_ever(name, path, port))
            finally:
                os._exit(1)
        started.append(process)
    for process in started:
        status = os.waitpid(process, 0)[1]
        answer(os.WTERMSIG(status) if os.WIFSIGNALED(status) else -status)


main()
