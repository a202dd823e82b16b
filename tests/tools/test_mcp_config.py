"""What a user may give as an MCP server."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import StdioServerParameters
from mcp.server import MCPServer

from pymode.errors import ConfigError
from pymode.tools.mcp import (
    HttpServer,
    LocalServer,
    StdioServer,
    make_sources,
    read_config,
    read_server,
)


def test_a_command_is_text_list_or_parameters() -> None:
    for given in (
        'npx -y "a server" .',
        ["npx", "-y", "a server", "."],
        StdioServerParameters(command="npx", args=["-y", "a server", "."]),
    ):
        found = read_server("files", given)
        assert isinstance(found, StdioServer)
        assert (found.command, found.args) == ("npx", ("-y", "a server", "."))


def test_a_url_keeps_its_secrets() -> None:
    found = read_server("linear", "https://ann:pass@example.com/key-of-ann/mcp?token=t#part")
    assert isinstance(found, HttpServer)
    assert found.url == "https://example.com/key-of-ann/mcp?token=t"
    pair = base64.b64encode(b"ann:pass").decode()
    assert found.headers["Authorization"].get_secret_value() == f"Basic {pair}"
    assert "key-of-ann" not in repr(found)
    assert "token" not in repr(found)
    assert pair not in repr(found)


def test_an_object_of_this_process_is_taken() -> None:
    assert isinstance(read_server("own", MCPServer("own")), LocalServer)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (7, "not int"),
        ("", "program"),
        ("npx 'unfinished", "quotation"),
        (["npx", 7], "texts"),
        ("https://", "like https://host/mcp"),
        ("http://host:99999/mcp", "like https://host/mcp"),
        ({}, 'either "command" or "url"'),
        ({"command": "a", "url": "https://x"}, 'either "command" or "url"'),
        ({"command": "a", "args": "b"}, "list of texts"),
        ({"command": "a", "env": {"A": ["s3cret"]}}, "names with texts"),
        ({"command": "a", "env": {"A=": "s3cret"}}, '"env"'),
        ({"command": "a", "type": "http"}, '"stdio"'),
        ({"url": "https://x", "type": "websocket"}, '"http" or "sse"'),
        ({"url": "https://x", "headers": {"A": "s3cret\r\nB: c"}}, "cannot be sent"),
        ({"url": 7}, "must be a text"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_name(given: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        read_server("linear", given)
    assert "linear" in str(refused.value)
    assert "s3cret" not in str(refused.value)


CONFIG = {
    "mcpServers": {
        "files": {
            "command": "${HOME_OF}/bin/files",
            "args": ["--root", "${env:ROOT}", "${MODE:-read}"],
            "env": {"TOKEN": "${TOKEN}", "PORT": 80, "DEBUG": True},
            "cwd": "/tmp",
        },
        "linear": {
            "type": "http",
            "url": "https://${HOST:-example.com}/mcp",
            "headers": {"Authorization": "Bearer ${TOKEN}"},
        },
        "older": {"type": "sse", "url": "https://example.com/sse"},
        "off": {"command": "${UNSET}", "disabled": True},
    }
}
VARIABLES = {"HOME_OF": "/home/ann", "ROOT": "/srv", "TOKEN": "s3cret-value", "MODE": ""}


def test_the_configuration_of_mcp_clients_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_text(json.dumps(CONFIG))
    for given in (CONFIG, path, str(path)):
        found = read_config(given, VARIABLES)
        assert list(found) == ["files", "linear", "older"]
        files, linear, older = found.values()
        assert isinstance(files, StdioServer)
        assert files.command == "/home/ann/bin/files"
        assert files.args == ("--root", "/srv", "read")
        env = {name: value.get_secret_value() for name, value in files.env.items()}
        assert env == {"TOKEN": "s3cret-value", "PORT": "80", "DEBUG": "true"}
        assert files.cwd == Path("/tmp")
        assert isinstance(linear, HttpServer)
        assert linear.url == "https://example.com/mcp"
        assert linear.headers["Authorization"].get_secret_value() == "Bearer s3cret-value"
        assert isinstance(older, HttpServer)
        assert older.is_sse
        assert "s3cret" not in repr(found)


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(ConfigError, match=r"'files' uses \$\{ROOT\}: set it in the environment"):
        read_config(CONFIG, {"HOME_OF": "/", "TOKEN": "t"})


def test_a_variable_of_an_editor_is_refused() -> None:
    config = {"servers": {"a": {"command": "x", "args": ["${input:key}"]}}}
    with pytest.raises(ConfigError, match=r"\$\{input:key\}, which pymode does not know"):
        read_config(config, {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON: .* line 1"),
        ("[]", "must hold an object"),
        ("{}", 'needs the key "mcpServers"'),
        ('{"mcpServers": {"a": 7}}', "'a' .* must be an object"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mcp.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        read_config(path)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_config(tmp_path / "none.json")


def test_sources_get_python_names_without_collisions() -> None:
    given = {"my-server": "a", "my server": "b", "db": "c", "class": "d"}
    names = [source.name for source in make_sources(given, taken=["db"])]
    assert len(set(names)) == 4
    assert all(name.isidentifier() for name in names)
    assert "db" not in names


def test_a_configuration_gives_sources() -> None:
    config = {"mcpServers": {"files": {"command": "npx"}}}
    assert [repr(source) for source in make_sources(config)] == ["MCPSource('files', at npx)"]


def test_importing_pymode_does_not_import_the_sdk() -> None:
    code = "import sys, pymode; sys.exit('mcp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
