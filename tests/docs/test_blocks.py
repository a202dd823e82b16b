"""Every code block of the pages is run, or at least read by what it is written for.

Python runs, with the API that it names at the top (`api`, or `apis`) at the simulator; a block of
text right after it is what it prints. Commands are parsed by the command line itself. The Python of
docs/frameworks needs environments of its own: tests/frameworks runs it.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
from pages import BLOCKS, Block

from pymode import CodeMode, OpenAPI
from pymode.cli.gateway import read_apis, read_servers
from pymode.cli.main import app
from pymode.cli.settings import Settings, read_settings
from pymode.policy.rules_file import read_file
from pymode.simulator import running
from pymode.tools.mcp import read_config

TOKEN = "simulated-test"
RUN_SECONDS = 120
LANGUAGES = {"python", "sh", "json", "toml"}
# What stands in for a document that only the reader has.
SHOP = {
    "openapi": "3.1.0",
    "info": {"title": "shop", "version": "1"},
    "servers": [{"url": "http://127.0.0.1:9"}],
    "paths": {
        "/things": {"get": {"operationId": "things", "responses": {"200": {"description": "ok"}}}}
    },
}
# Commands that end by themselves and change nothing; their blocks run as they stand.
HARMLESS = {"search", "execute", "rules", "log"}
# What a reader puts something of their own in place of.
PLACEHOLDER = re.compile(r"…|@\w|\b(?:FILE|PATH|DIR|CODE|ID|URL|NAME|RULE)\b|example\.com")


def of(language: str) -> Any:
    """Give a test each block in a language."""
    blocks = [block for block in BLOCKS if block.language == language]
    return pytest.mark.parametrize("block", blocks, ids=lambda block: block.id)


def is_ours(block: Block) -> bool:
    return not block.page.startswith("docs/frameworks/")


@pytest.fixture(scope="module")
def api_url() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Give the blocks the variables that the pages name, and a folder of their own."""
    for name in [name for name in os.environ if name.startswith("PYMODE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
    monkeypatch.setenv("SHOP_API_KEY", "a-key")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return monkeypatch


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.id)
def test_every_block_is_in_a_language_that_is_checked(block: Block) -> None:
    assert block.language in LANGUAGES


def point(given: OpenAPI | list[OpenAPI], base_url: str) -> None:
    """Turn APIs of the outside world to what runs here; who calls stays as the page says."""
    for api in given if isinstance(given, list) else [given]:
        if api.spec == "cloudflare":
            api.base_url = base_url
        else:
            api.spec, api.base_url = SHOP, None


def turn(block: Block) -> ast.Module:
    """Return the block with a call of `POINT` after each assignment to `api` or `apis`."""
    tree = ast.parse(block.text, block.page)
    body: list[ast.stmt] = []
    for node in tree.body:
        body.append(node)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in ("api", "apis"):
                body += ast.parse(f"POINT({name})").body
    tree.body = body
    return ast.increment_lineno(tree, block.line)


def is_for_the_sandbox(block: Block) -> bool:
    """Say whether a block is what a model writes: a function that nobody calls."""
    return block.text.startswith("async def ") and "\nasyncio.run(" not in block.text


@pytest.mark.parametrize(
    "block",
    [
        block
        for block in BLOCKS
        if block.language == "python" and is_ours(block) and not is_for_the_sandbox(block)
    ],
    ids=lambda block: block.id,
)
def test_python_runs_and_prints_what_the_page_says(
    block: Block,
    api_url: str,
    environment: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    (tmp_path / "shop.json").write_text(json.dumps(SHOP))
    scope = {"__name__": "__main__", "POINT": lambda given: point(given, api_url)}
    # This module's own `from __future__` is not the page's.
    exec(compile(turn(block), block.page, "exec", dont_inherit=True), scope)
    printed = capsys.readouterr().out
    if block.output is not None:
        assert printed == block.output


def make_functions(code: str) -> dict[str, list[Callable[..., Any]]]:
    """Return a function for each `NAMESPACE.NAME(…)` in the code, with those parameters."""
    functions: dict[str, dict[str, Callable[..., Any]]] = {}
    for call in filter(lambda node: isinstance(node, ast.Call), ast.walk(ast.parse(code))):
        if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
            names = ", ".join(str(keyword.arg) for keyword in call.keywords)
            scope: dict[str, Any] = {}
            exec(f"def {call.func.attr}({names}): return []", scope)
            found = functions.setdefault(call.func.value.id, {})
            found[call.func.attr] = scope[call.func.attr]
    return {name: list(found.values()) for name, found in functions.items()}


@pytest.mark.anyio
@pytest.mark.parametrize(
    "block",
    [block for block in BLOCKS if block.language == "python" and is_for_the_sandbox(block)],
    ids=lambda block: block.id,
)
async def test_code_for_the_sandbox_runs_there(block: Block) -> None:
    async with CodeMode(functions=make_functions(block.text), workers=1) as code_mode:
        assert (await code_mode.execute(block.text)).requests


def split_commands(text: str) -> list[list[str]]:
    """Return the commands of a shell script as words, without assignments before them."""
    plain = re.sub(r"(^|\s)#[^\n'\"]*$", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    words = shlex.shlex(plain, posix=True, punctuation_chars=";&|\n")
    words.whitespace, words.whitespace_split, words.commenters = " \t", True, ""
    commands: list[list[str]] = [[]]
    for word in words:
        if set(word) <= set(";&|\n"):
            commands.append([])
        else:
            commands[-1].append(word)
    return [command for command in commands if command]


def find_arguments(text: str) -> list[list[str]]:
    """Return what stands after each `pymode`."""
    return [command[1:] for command in split_commands(text) if command[0] == "pymode"]


def check_command(arguments: list[str]) -> None:
    """Let the command line read its arguments, and the settings their values; nothing is run."""
    command: Any = typer.main.get_command(app)
    words, name = list(arguments), "pymode"
    while (found := getattr(command, "commands", None)) is not None:
        if not words and getattr(command, "invoke_without_command", False):
            return
        assert words, f"{name} alone is no command"
        name = words.pop(0)
        if name == "--help":
            return
        assert name in found, f"there is no command {name}"
        command = found[name]
    if "--help" in words:
        return
    with command.make_context(name, words) as context:
        given = context.params
    if given.keys() >= Settings.model_fields.keys():
        options = {name: given[name] for name in Settings.model_fields}
        settings = read_settings(by_environment=False, **options)
        read_apis(settings)
        if settings.mcp_config is None:
            read_servers(settings)


@of("sh")
def test_commands_are_ones_that_the_shell_and_pymode_know(block: Block) -> None:
    done = subprocess.run(
        ["bash", "-n"], input=block.text, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    for arguments in find_arguments(block.text):
        check_command(arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("serve --no-such-option", "No such option: --no-such-option"),
        ("serve --allow 'FETCH /x'", "'FETCH /x' is not a rule"),
        ("serve --mcp x", "--mcp needs NAME=URL"),
        ("nothing", "there is no command nothing"),
        ("", "pymode alone is no command"),
    ],
)
def test_a_command_that_is_wrong_is_found(arguments: str, said: str) -> None:
    with pytest.raises(Exception, match=re.escape(said)):
        check_command(shlex.split(arguments))


def ends_by_itself(block: Block) -> bool:
    found = split_commands(block.text)
    return bool(found) and all(
        command[0] == "export" or (command[0] == "pymode" and command[1] in HARMLESS)
        for command in found
    )


@pytest.mark.parametrize(
    "block",
    [
        block
        for block in BLOCKS
        if block.language == "sh"
        and ends_by_itself(block)
        and not PLACEHOLDER.search(block.text.replace("TOKEN=…", ""))
    ],
    ids=lambda block: block.id,
)
def test_commands_that_end_by_themselves_run(
    block: Block, api_url: str, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("PYMODE_BASE_URL", api_url)
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    environment.setenv("PATH", os.pathsep.join(folders))
    script = block.text.replace("TOKEN=…", f"TOKEN={TOKEN}")
    done = subprocess.run(
        ["bash", "-euc", script],
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if block.output is not None:
        assert done.stdout == block.output


def check_entries(config: Mapping[str, Any]) -> None:
    """Let the entries of MCP clients be read as servers, and those that start pymode by it."""
    servers = config.get("mcpServers") or config.get("servers") or config.get("mcp_servers")
    if not isinstance(servers, Mapping):
        return
    variables = re.findall(r"\$\{(?:env:)?(\w+)", json.dumps(servers))
    read_config({"mcpServers": servers}, dict.fromkeys(variables, "x"))
    for entry in servers.values():
        if Path(entry.get("command", "")).name == "pymode":
            check_command(entry["args"])


@of("json")
def test_json_is_json_and_its_entries_are_servers(block: Block) -> None:
    check_entries(json.loads(block.text))


@of("toml")
def test_toml_is_toml_and_its_rules_are_rules(block: Block, tmp_path: Path) -> None:
    found = tomllib.loads(block.text)
    check_entries(found)
    if "rules" in found:
        (tmp_path / "pymode.toml").write_text(block.text)
        assert read_file(tmp_path / "pymode.toml")
