"""`pymode approve`: what waits is listed and approved, from another process, once."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pymode.simulator import running

PATIENCE_SECONDS = 120
WRITE = """
zone = (await cloudflare.request("GET", "/zones"))["result"][0]["id"]
body = {"purge_everything": True}
return (await cloudflare.request("POST", f"/zones/{zone}/purge_cache", body=body))["success"]
"""


@pytest.fixture
def shell(tmp_path: Path):
    with running() as base_url:
        environment = os.environ | {
            "CLOUDFLARE_API_TOKEN": "simulated-approver",
            "PYMODE_BASE_URL": base_url,
            "PYMODE_LOG": str(tmp_path / "log.sqlite3"),
            "PYMODE_APPROVE": "writes",
        }

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "pymode", *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PATIENCE_SECONDS,
                check=False,
            )

        yield run


def test_a_held_write_is_approved_by_its_id_and_sent_once(shell) -> None:
    """Without a terminal nobody can be asked; the error names the id, which holds once."""
    refused = shell("execute", WRITE)
    assert refused.returncode == 1
    [identifier] = re.findall(r"pymode approve ([0-9a-f]{8})", refused.stderr)
    listed = shell("approve")
    assert f"{identifier}  POST /zones/" in listed.stderr
    approved = shell("approve", identifier)
    assert "approved, once: POST /zones/" in approved.stderr
    sent = shell("execute", WRITE)
    assert json.loads(sent.stdout) is True
    assert shell("execute", WRITE).returncode == 1


def test_an_unknown_id_is_an_error_that_says_what_to_do(shell) -> None:
    ended = shell("approve", "00000000")
    assert ended.returncode != 0
    assert "send it again" in ended.stderr
