"""Rules, dry runs, the check and the log from the shell and over MCP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mcp import Client, types
from simulated_api import API, Open

from pymode.policy.rules import Rules
from pymode.server import make_server

PATIENCE_SECONDS = 120
TOKEN = "simulated-token-of-the-shell"
MAKE_RECORD = """
async def main():
    zone = (await cloudflare.request("GET", "/zones"))["result"][0]["id"]
    body = {"type": "A", "name": "shell.example.com", "content": "192.0.2.3"}
    answer = await cloudflare.request("POST", f"/zones/{zone}/dns_records", body=body)
    return answer.get("dry_run", False)
"""


class Shell:
    """Runs `pymode` in a process of its own, against the simulated API.

    Args:
        api: that is called.
        log: the file of the log.
    """

    def __init__(self, api: API, log: Path) -> None:
        self.api = api
        self.log = log

    def run(self, *arguments: str, log: bool = True) -> tuple[int, str, str]:
        """The exit status, and what was written to standard output and to standard error."""
        own = ("CLOUDFLARE_", "PYMODE_")
        environment = {name: text for name, text in os.environ.items() if not name.startswith(own)}
        ended = subprocess.run(
            [sys.executable, "-m", "pymode", *arguments, *(("--log", str(self.log)) * log)],
            env=environment | {"CLOUDFLARE_API_TOKEN": TOKEN, "TZ": "UTC"},
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return ended.returncode, ended.stdout.decode(), ended.stderr.decode()

    def execute(self, *options: str, code: str = MAKE_RECORD) -> tuple[int, str, str]:
        """The same for `pymode execute`."""
        return self.run("execute", code, "--base-url", self.api.url, *options)


@pytest.fixture
def shell(api: API, user_folders: Path, tmp_path: Path) -> Shell:
    return Shell(api, tmp_path / "log.sqlite3")


def test_the_shell_tells_a_dry_run_from_a_refusal(shell: Shell, api: API, tmp_path: Path) -> None:
    status, out, err = shell.execute("--dry-run")
    assert (status, out) == (0, "true\n")
    assert "dry run, not sent: POST /zones/" in err
    assert '"content":"192.0.2.3"' in err

    status, out, err = shell.execute("--read-only")
    assert (status, out) == (1, "")
    assert "CloudflareRefused: " in err
    assert "--read-only" in err

    status, _, err = shell.execute("--deny", "tag:dns")
    assert status == 1
    assert "is denied by the rule tag:dns (--deny); nothing was sent" in err

    rules = tmp_path / "pymode.toml"
    rules.write_text('[rules]\ndeny = ["* /zones/*/dns_records/**"]\n')
    status, _, err = shell.execute("--config", str(rules))
    assert status == 1
    assert "* /zones/*/dns_records/** (deny in pymode.toml)" in err

    wrong = MAKE_RECORD.replace('"type": "A", ', "")
    status, _, err = shell.execute("--check", "strict", code=wrong)
    assert status == 1
    assert "body lacks type (required); nothing was sent" in err
    assert api.writes == []


def test_the_shell_lists_shows_and_exports_what_it_did(shell: Shell, api: API) -> None:
    assert shell.execute()[:2] == (0, "false\n")
    assert shell.execute("--deny", "POST /**")[0] == 1
    assert shell.run("search", "return 1")[:2] == (0, "1\n")
    assert len(api.writes) == 1

    status, out, _ = shell.run("log")
    assert status == 0
    head, search, denied, made = out.splitlines()
    assert head.startswith("id")
    assert (" search " in search, " ok " in search) == (True, True)
    assert "code raised" in denied
    assert "2 (1 write)" in made

    status, out, _ = shell.run("log", "show", made.split()[0])
    assert status == 0
    assert 'body = {"type": "A", "name": "shell.example.com", "content": "192.0.2.3"}' in out
    assert "1. GET /zones · 200 · " in out
    assert "/dns_records · 200 · " in out
    assert "· denied · " in shell.run("log", "show", denied.split()[0])[1]

    status, out, _ = shell.run("log", "export")
    calls = [json.loads(line) for line in out.splitlines()]
    assert [call["tool"] for call in calls] == ["execute", "execute", "search"]
    assert [request["status"] for request in calls[0]["requests"]] == [200, 200]
    assert TOKEN not in out
    assert TOKEN.encode() not in shell.log.read_bytes()


def test_the_shell_keeps_no_log_when_told_and_refuses_writes_without_one(
    shell: Shell, api: API
) -> None:
    shell.log.write_bytes(b"rubbish" * 1000)
    status, _, err = shell.execute()
    assert status == 1
    assert "the file is damaged or is no log" in err
    assert api.writes == []
    again = MAKE_RECORD.replace("shell.", "unlogged.")
    status, out, _ = shell.execute("--no-log", code=again)
    assert (status, out) == (0, "false\n")
    assert len(api.writes) == 1
    assert shell.log.read_bytes() == b"rubbish" * 1000


def test_rules_check_says_the_same_as_an_execution(shell: Shell, api: API) -> None:
    rules = ("--deny", "tag:dns", "--allow", "* /zones/**", "--base-url", api.url)
    for request, outcome, why in (
        ("POST /zones/x/dns_records", "not sent", "tag:dns (--deny)"),
        ("DELETE /zones/x", "sent", "* /zones/** (--allow)"),
        ("GET /accounts", "not sent", "no allow rule fits it"),
    ):
        status, out, _ = shell.run("rules", "check", request, *rules)
        assert status == 0
        assert out.startswith(f"{request}: {outcome}\nwhy: ")
        assert why in out
        method, _, path = request.partition(" ")
        code = f"return (await cloudflare.request({method!r}, {path!r}))['status']"
        _, _, err = shell.execute(*rules[:4], code=code)
        assert ("CloudflareRefused" in err) is (outcome == "not sent")
    assert api.requests == [("DELETE", "/zones/x")]


def texts_of(result: types.CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if block.type == "text")


@pytest.mark.anyio
@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_over_mcp_a_dry_run_lists_what_it_held_back(
    open_code_mode: Open, api: API, era: str
) -> None:
    async with open_code_mode(dry_run=True) as code_mode:
        await code_mode.prepare()
        server = make_server(code_mode)
        async with Client(server, mode=era) as client:
            result = await client.call_tool("execute", {"code": MAKE_RECORD})
    assert not result.is_error
    first, *rest = texts_of(result).splitlines()
    assert first == "true"
    assert any(line.startswith("dry run, not sent: POST /zones/") for line in rest)
    assert api.writes == []


@pytest.mark.anyio
@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_over_mcp_a_refusal_names_its_rule_and_what_was_sent(
    open_code_mode: Open, api: API, era: str
) -> None:
    async with open_code_mode(rules=Rules.parse(deny=["tag:dns"])) as code_mode:
        await code_mode.prepare()
        server = make_server(code_mode)
        async with Client(server, mode=era) as client:
            result = await client.call_tool("execute", {"code": MAKE_RECORD})
    assert result.is_error
    assert "is denied by the rule tag:dns (deny); nothing was sent" in texts_of(result)
    assert "No write was sent. Reads: 1 got 200." in texts_of(result)
    assert api.writes == []
