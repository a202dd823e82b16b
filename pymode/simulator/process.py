"""The simulated API as a child process over real HTTP."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pymode.errors import SimulatorError

READY_SECONDS = 30.0
STOP_SECONDS = 5.0
# What Python needs to start. Nothing else is passed on, so no token reaches the child.
KEPT_ENVIRONMENT = ("PATH", "LANG", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV")


@contextmanager
def running(
    *,
    zones: int = 6,
    latency_ms: int = 0,
    rate_limit: int = 0,
    rate_limit_refusals: int = 1,
    ready_seconds: float = READY_SECONDS,
) -> Iterator[str]:
    """Run the simulator as a child process during a `with` block.

    Args:
        zones: how many zones the first account has.
        latency_ms: how long every API request waits.
        rate_limit: how many requests are answered before some get 429; 0 turns it off.
        rate_limit_refusals: how many requests in a row are then refused.
        ready_seconds: how long its start may take.

    Yields:
        The base URL, `http://127.0.0.1:PORT/client/v4`.

    Raises:
        SimulatorError: it did not start in time.
    """
    command = [
        *(sys.executable, "-P", "-m", "pymode.simulator", "--until-stdin-closes"),
        *("--zones", str(zones), "--latency-ms", str(latency_ms)),
        *("--rate-limit", str(rate_limit), "--rate-limit-refusals", str(rate_limit_refusals)),
    ]
    environment = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=environment,
        )
        try:
            yield read_base_url(process, complaints, ready_seconds)
        finally:
            stop(process)


def read_base_url(
    process: subprocess.Popen[bytes], complaints: IO[bytes], ready_seconds: float
) -> str:
    """Return the line that the child prints when it is ready.

    Raises:
        SimulatorError: it printed another line, or none in time.
    """
    assert process.stdout is not None  # noqa: S101 - it was started with a pipe
    # Killing the child closes its output, which ends `readline` below.
    timer = threading.Timer(ready_seconds, process.kill)
    timer.start()
    try:
        line = process.stdout.readline().decode("utf-8", "replace").strip()
    finally:
        timer.cancel()
    if line.startswith("http://127.0.0.1:"):
        return line
    complaints.seek(0)
    said = complaints.read()[-2000:].decode("utf-8", "replace").strip()
    raise SimulatorError(
        f"the simulated API did not come up within {ready_seconds:g} s; "
        f"run `python -m pymode.simulator` to see why. It said: {said or 'nothing'}"
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the child: close its input, then terminate, then kill it; each wait is bounded."""
    if process.stdin is not None:
        process.stdin.close()
    for next_step in (process.terminate, process.kill, None):
        try:
            process.wait(STOP_SECONDS)
            break
        except subprocess.TimeoutExpired:
            if next_step is not None:
                next_step()
    if process.stdout is not None:
        process.stdout.close()
