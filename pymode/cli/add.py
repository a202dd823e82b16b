"""The shell's `pymode add`: an entry for `pymode serve` in the configuration of an MCP client."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pymode.cli.console import say
from pymode.cli.gateway import read_apis, read_servers, split_name
from pymode.cli.options import spell_options, with_options
from pymode.cli.settings import Settings, read_settings
from pymode.errors import ConfigError
from pymode.namespaces import token_variable

if TYPE_CHECKING:
    from pymode.cli.clients import Client, Entry

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
# One with a default needs no value.
_REFERENCE = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)\}")


class ClientName(StrEnum):
    """The names of the clients in the shell."""

    CLAUDE = "claude"
    CLAUDE_CODE = "claude-code"
    CURSOR = "cursor"
    VSCODE = "vscode"
    CODEX = "codex"


@with_options
def add(
    options: Mapping[str, object],
    client: Annotated[ClientName, typer.Argument(help="Whose configuration gets the entry.")],
    name_in_client: Annotated[
        str, typer.Option(metavar="NAME", help="What the client calls the server.")
    ] = "pymode",
    print_only: Annotated[
        bool, typer.Option("--print", help="Write the entry to standard output, and no file.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an entry that starts something else.")
    ] = False,
) -> None:
    """Write an entry that runs `pymode serve` with these options into a client's configuration.

    The file is kept beside it first, and what changes is shown. No token is written: the entry
    names the variables of the environment that hold them.
    """
    from pymode.cli.clients import CLIENTS, Entry

    if not _NAME.fullmatch(name_in_client):
        raise ConfigError("--name-in-client needs up to 64 letters, digits, - and _")
    settings = read_settings(by_environment=False, **options)
    # What cannot be used would only show when the client starts it.
    _ = settings.rules, read_servers(settings.model_copy(update={"mcp_config": None}))
    variables = [token_variable(api.name) for api in read_apis(settings)]
    if settings.mcp_config is not None:
        variables += find_variables(Path(settings.mcp_config).expanduser())
    words = spell_options(_make_absolute(options))
    command = (*find_program(), "serve", *words)
    entry = Entry(name_in_client, command, tuple(dict.fromkeys(variables)))
    chosen = CLIENTS[client.value]
    remarks = _remark(entry, chosen, settings)
    if print_only:
        typer.echo(entry.show(chosen), nl=False)
    else:
        _write(entry, chosen, force=force)
    for remark in remarks:
        say(f"pymode: {remark}")


def _write(entry: Entry, client: Client, *, force: bool) -> None:
    from pymode.cli.clients import compare, read_file, replace_file, spell_strings, write_entry

    path = client.find()
    old = read_file(path)
    new = write_entry(old or b"", path, client, entry, force=force)
    if new == old:
        say(f"pymode: {path} has this entry already; nothing was written")
        return
    typer.echo(compare(old or b"", new, str(path), spell_strings(entry, client)))
    is_known = path.parent.is_dir()
    backup = replace_file(path, old, new)
    if not is_known:
        say(f"pymode: {path.parent} was not there; is {client.title} installed?")
    kept = f"; what it was is in {backup.name}" if backup else ""
    say(f"pymode: {path} was written{kept}")


def find_program() -> tuple[str, ...]:
    """Return the command that starts this pymode from any folder, with any `PATH`."""
    script = Path(sysconfig.get_path("scripts")) / "pymode"
    if not os.access(script, os.X_OK):
        started = shutil.which(sys.argv[0])
        if started is None or Path(started).name != "pymode":
            return (sys.executable, "-m", "pymode")
        script = Path(started)
    return (os.path.abspath(script),)  # noqa: PTH100 - links stay: they outlive what they lead to


def find_variables(path: Path) -> list[str]:
    """Return the environment variables that an MCP configuration needs.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return _REFERENCE.findall(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is no MCP configuration: it is not UTF-8") from None


def _make_absolute(options: Mapping[str, object]) -> dict[str, object]:
    """Return the options with absolute paths, because a client starts servers in its own folder."""
    found = dict(options)
    for name in ("config", "log", "mcp_config"):
        if isinstance(path := found[name], str):
            found[name] = _whole(path)
    specs = found["spec"]
    if isinstance(specs, list):
        found["spec"] = [_make_spec_absolute(str(spec)) for spec in specs]
    return found


def _make_spec_absolute(text: str) -> str:
    from pymode.documents import shipped

    name, spec = split_name(text)
    if "://" not in spec and spec not in shipped():
        if not Path(spec).expanduser().is_file():
            raise ConfigError(f"--spec {spec}: there is no such file")
        spec = _whole(spec)
    return spec if name is None else f"{name}={spec}"


def _whole(path: str) -> str:
    return os.path.abspath(Path(path).expanduser())  # noqa: PTH100 - links stay


def _remark(entry: Entry, client: Client, settings: Settings) -> list[str]:
    """Return what the user should know or do."""
    remarks = []
    names = " and ".join(entry.variables)
    if entry.variables:
        remarks.append(f"{client.supply.format(names=names, title=client.title)}; no token is here")
    own = [f"PYMODE_{name.upper()}" for name in Settings.model_fields]
    if given := [name for name in own if os.environ.get(name)]:
        remarks.append(f"{' and '.join(given)} is set here only; give the entry the option instead")
    for text in settings.mcp:
        remarks += _remark_command(*split_name(text))
    build = list(entry.command)
    build[build.index("serve")] = "build"
    remarks.append(f"so that the first call need not wait, run now: {shlex.join(build)}")
    remarks.append(
        f"{client.restart}; if {entry.command[0]} is moved or removed, run this command again"
    )
    return remarks


def _remark_command(name: str | None, server: str) -> list[str]:
    if "://" in server.partition(" ")[0]:
        return []
    try:
        words: Sequence[str] = shlex.split(server)
    except ValueError as error:
        raise ConfigError(f"the command of the MCP server {name!r}: {error}") from None
    remarks = []
    if words and not os.path.isabs(words[0]):  # noqa: PTH117 - a word, not yet a path
        remarks.append(f"if the client does not find {words[0]}, write its whole path in --mcp")
    relative = [word for word in words[1:] if not word.startswith(("/", "-")) and "/" in word]
    if relative := [word for word in relative if Path(word).exists()]:
        remarks.append(f"the client starts elsewhere: write the whole path of {relative[0]}")
    return remarks
