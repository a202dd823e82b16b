"""The README tells the truth: its code runs, its options exist, its defaults are the defaults."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from paths import REPOSITORY

from pymode.cli.settings import Settings
from pymode.limits import Limits
from pymode.simulator import running

README = (REPOSITORY / "README.md").read_text()
CALL_SECONDS = 120


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def run(command: list[str], **environment: str) -> str:
    """Run a command with this interpreter's `pymode` first on the path; return its output."""
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    completed = subprocess.run(
        command,
        env=os.environ | {"PATH": os.pathsep.join(folders)} | environment,
        capture_output=True,
        text=True,
        timeout=CALL_SECONDS,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


def test_ci_runs_the_two_commands_of_the_readme() -> None:
    commands = [block for block in blocks("sh") if block.startswith("python3 -m venv .venv && ")]
    assert len(commands) == 2
    assert all(command.count("\n") == 1 for command in commands), "one line each"
    assert all("pip install -c constraints.txt " in command for command in commands)
    assert "'^python3 -m venv \\.venv && ' README.md" in (REPOSITORY / ".ci" / "run").read_text()


def test_the_first_python_block_runs_in_a_process_of_its_own() -> None:
    """All of them run in tests/docs/test_blocks.py; this one without anything around it."""
    code = blocks("python")[0]
    output = run([sys.executable, "-c", code])
    assert re.fullmatch(r"\d+ operations, \d+ instructions\n", output)


def test_the_client_entry_is_json_that_starts_the_server() -> None:
    [entry] = map(json.loads, blocks("json"))
    server = entry["mcpServers"]["cloudflare"]
    assert (server["command"], server["args"]) == ("pymode", ["serve"])
    assert list(server["env"]) == ["CLOUDFLARE_API_TOKEN"]


def test_the_search_block_runs_in_a_shell() -> None:
    [command] = [block for block in blocks("sh") if block.startswith("pymode search")]
    assert json.loads(run(["sh", "-c", command])) == ["/zones/{zone_id}/dns_records"]


def test_the_execute_block_runs_in_a_shell() -> None:
    [command] = [block for block in blocks("sh") if block.startswith("export CLOUDFLARE_API_TOKEN")]
    command = command.replace("=…", "=simulated-token")
    with running(zones=3) as base_url:
        names = json.loads(run(["sh", "-c", command], PYMODE_BASE_URL=base_url))
    assert len(names) == 3
    assert "example.com" in names


@pytest.mark.parametrize("option", sorted(set(re.findall(r"`?(--[a-z][a-z-]+)", README))))
def test_every_option_of_the_readme_exists(option: str) -> None:
    known = {
        "--http",
        "--mcp",
        "--only",
        "--spec",
        *(f"--{name.replace('_', '-')}" for name in Settings.model_fields),
    }
    assert option in known


def test_every_limit_is_in_the_readme_with_its_default() -> None:
    table = dict(re.findall(r"^\| `(--[a-z-]+)`[^|]*\| ([\d,]+)", README, re.MULTILINE))
    shown = {option: int(value.replace(",", "")) for option, value in table.items()}
    limits = Limits()
    assert shown == {
        "--fuel": limits.fuel,
        "--memory-mb": limits.memory_bytes >> 20,
        "--load-memory-mb": limits.load_memory_bytes >> 20,
        "--timeout": int(limits.wall_seconds),
        "--source-kb": limits.source_bytes >> 10,
        "--result-kb": limits.result_bytes >> 10,
        "--printed-chars": limits.printed_chars,
        "--host-calls": limits.host_calls,
        "--host-calls-in-flight": limits.host_calls_in_flight,
        "--request-kb": limits.request_bytes >> 10,
        "--traffic-mb": limits.traffic_bytes >> 20,
        "--state-kb": limits.state_bytes >> 10,
        "--waiting-callers": limits.waiting_callers,
        "--max-tokens": Settings.model_fields["max_tokens"].default,
    }
