"""The entry of a client: the command that starts pymode, and the variables to pass on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from pymode.cli.clients import jsontext, tomltext
from pymode.cli.clients.client import Client
from pymode.cli.clients.jsontext import Unusable
from pymode.errors import ConfigError

_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Entry:
    """One server in a client's configuration.

    Args:
        name: what the client calls it; letters, digits, - and _.
        command: the program and its arguments.
        variables: of the environment, that the program needs; their values are not known here.
    """

    name: str
    command: tuple[str, ...]
    variables: tuple[str, ...] = ()

    def describe(self, client: Client) -> dict[str, Any]:
        """Return the entry in the form of a client."""
        described: dict[str, Any] = {"type": "stdio"} if client.is_typed else {}
        described |= {"command": self.command[0], "args": list(self.command[1:])}
        if not self.variables:
            return described
        if client.syntax == "toml":
            return described | {"env_vars": list(self.variables)}
        values = {name: client.reference.replace("NAME", name) for name in self.variables}
        return described | {"env": values}

    def show(self, client: Client) -> str:
        """Return a text with only the entry, to paste into the client's file."""
        path, described = (client.table, self.name), self.describe(client)
        if client.syntax == "toml":
            return tomltext.put("", path, described, is_new=True)
        return jsontext.put("", path, described, is_lax=False)


def write_entry(data: bytes, path: Path, client: Client, entry: Entry, *, force: bool) -> bytes:
    """Return the file of a client with the entry in it.

    An entry of that name which starts pymode is brought up to date: values of its variables, and
    what else the client keeps in it, stay.

    Args:
        data: of the file as it is; nothing where there is none.
        path: of the file, for errors.
        client: whose it is.
        entry: to write.
        force: replace an entry of that name which starts another program.

    Raises:
        ConfigError: the file is not what it should be, or such an entry is there.
    """
    try:
        text = data.decode("utf-8")
        mark = _MARK if text.startswith(_MARK) else ""
        text = text.removeprefix(mark)
        before = _read(text, client, entry.name)
        old = _find(before, client, entry.name)
        is_own = old is not None and _starts_pymode(old)
        if old is not None and not is_own and not force:
            msg = (
                f"{path} has a server {entry.name!r} that starts something else; choose another "
                "--name-in-client, or replace it with --force"
            )
            raise ConfigError(msg)
        new = _merge(old, entry, client) if is_own and old is not None else entry.describe(client)
        if new == old:
            return data
        changed = _put(text, client, entry.name, old if is_own else None, new)
        # Whatever the file looks like: nothing but this entry may have changed.
        servers = before.get(client.table, {})
        if _read(changed, client, entry.name) != {
            **before,
            client.table: {**servers, entry.name: new},
        }:
            raise Unusable("the entry has no place in it that pymode understands")
        return (mark + changed).encode()
    except UnicodeEncodeError:
        raise ConfigError("an option is not valid UTF-8, so no client can keep it") from None
    except (Unusable, UnicodeDecodeError) as error:
        reason = error if isinstance(error, Unusable) else "it is not UTF-8"
        kind = "TOML" if client.syntax == "toml" else "JSON"
        msg = (
            f"{path} is left as it is, for it is no {kind} that pymode can change: {reason}. "
            f"Add this yourself:\n\n{entry.show(client)}"
        )
        raise ConfigError(msg) from None


def _read(text: str, client: Client, name: str) -> dict[str, Any]:
    if client.syntax == "toml":
        return tomltext.read(text)
    return jsontext.read(text, (client.table, name), is_lax=client.syntax == "jsonc")


def _find(config: Mapping[str, Any], client: Client, name: str) -> dict[str, Any] | None:
    servers = config.get(client.table, {})
    if not isinstance(servers, dict):
        raise Unusable(f'"{client.table}" is not an object')
    old = servers.get(name)
    if old is not None and not isinstance(old, dict):
        raise Unusable(f'"{name}" is not an object')
    return old


def _starts_pymode(old: Mapping[str, Any]) -> bool:
    command, args = old.get("command"), old.get("args")
    if not isinstance(command, str) or not isinstance(args, list):
        return False
    is_script = PurePath(command).stem == "pymode" and args[:1] == ["serve"]
    return is_script or args[:3] == ["-m", "pymode", "serve"]


def _merge(old: Mapping[str, Any], entry: Entry, client: Client) -> dict[str, Any]:
    new = entry.describe(client)
    if "type" in old:
        new.pop("type", None)
    if "env" in new:
        given = old.get("env")
        new["env"] = new["env"] | (given if isinstance(given, dict) else {})
    if isinstance(given := old.get("env_vars"), list) and "env_vars" in new:
        new["env_vars"] = given + [name for name in new["env_vars"] if name not in given]
    return {**old, **new}


def _put(
    text: str, client: Client, name: str, old: Mapping[str, Any] | None, new: Mapping[str, Any]
) -> str:
    """Return the text with an entry; of an existing entry only what differs is changed."""
    path = (client.table, name)
    if client.syntax == "toml":
        values = new if old is None else {key: new[key] for key in new if new[key] != old.get(key)}
        return tomltext.put(text, path, values, is_new=old is None)
    is_lax = client.syntax == "jsonc"
    if old is None:
        return jsontext.put(text, path, new, is_lax=is_lax)
    for key in new:
        if key == "env" and isinstance(old.get("env"), dict):
            for variable in new["env"].keys() - old["env"].keys():
                value = new["env"][variable]
                text = jsontext.put(text, (*path, "env", variable), value, is_lax=is_lax)
        elif new[key] != old.get(key):
            text = jsontext.put(text, (*path, key), new[key], is_lax=is_lax)
    return text


def spell_strings(entry: Entry, client: Client) -> set[str]:
    """Return the strings that the entry adds, as they are written in the file."""
    described = entry.describe(client)
    found = [entry.name, *described]
    for value in described.values():
        found += [value] if isinstance(value, str) else list(value)
        found += value.values() if isinstance(value, dict) else []
    return {json.dumps(text, ensure_ascii=False) for text in found}
