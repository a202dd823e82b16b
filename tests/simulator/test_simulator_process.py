"""The simulated API as a process of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from paths import REPOSITORY

from pymode.errors import SimulatorError
from pymode.simulator import running


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with running(zones=3) as url:
        yield url


def test_a_process_serves_on_loopback(base_url: str) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/client/v4", base_url)
    headers = {"Authorization": "Bearer simulated-test"}
    zones = httpx.get(f"{base_url}/zones", headers=headers, trust_env=False).json()
    assert zones["result_info"]["total_count"] == 3


def test_a_reset_ends_the_connection_within_the_body(base_url: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{base_url}/simulator/reset", trust_env=False)


def test_a_process_that_does_not_come_up_is_reported() -> None:
    with pytest.raises(SimulatorError, match="did not come up"), running(ready_seconds=0.0):
        pass


def start(*options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pymode.simulator", *options]
    root = REPOSITORY
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=root
    )


def test_a_process_ends_when_its_parent_closes_standard_input() -> None:
    with start("--until-stdin-closes") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        rest, complaints = process.communicate(timeout=20)
    assert line.startswith(b"http://127.0.0.1:")
    assert (rest, complaints, process.returncode) == (b"", b"", 0)


def test_a_process_ends_on_sigterm_with_an_answer_under_way() -> None:
    with start() as process:
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip()
        with httpx.stream("GET", f"{url}/simulator/drip", trust_env=False) as response:
            assert response.status_code == 200
            process.send_signal(signal.SIGTERM)
            _, complaints = process.communicate(timeout=20)
    assert complaints == b""
    assert process.returncode in (0, -signal.SIGTERM)
