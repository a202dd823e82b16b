"""TOML, changed in one table: order, comments and everything else of a user's file stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tomlkit
from tomlkit.container import Container
from tomlkit.exceptions import TOMLKitError

from pymode.cli.clients.jsontext import Unusable

Value = str | list[str]


def read(text: str) -> dict[str, Any]:
    """Return what a text holds.

    Args:
        text: without a byte order mark.

    Raises:
        Unusable: it is not TOML.
    """
    return _parse(text).unwrap()


def put(text: str, path: Sequence[str], values: Mapping[str, Value], *, is_new: bool) -> str:
    """Return the text with a table that has these values.

    Args:
        text: TOML, without a byte order mark.
        path: the keys of the table, such as `mcp_servers` and its name.
        values: what is set in it.
        is_new: whether everything else in it, and in the tables below it, goes.

    Raises:
        Unusable: the text is not TOML, or the table cannot be changed where it is.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    text = text.replace("\r\n", "\n")
    document = _parse(text)
    try:
        parts = _find_parts(document, path)
        changed = _append(text, path, values) if not parts else ""
        if parts:
            # Not a new table in its place: the comments in the old one would go.
            for part in parts if is_new else ():
                for key in [key for key in part if key not in values]:
                    part.remove(key)
            # A part without a header line of its own only holds other tables.
            own = next((part for part in parts if not _is_super(part)), parts[0])
            own.update(values)
            changed = tomlkit.dumps(document)
    except (TOMLKitError, TypeError, AttributeError, KeyError, ValueError) as error:
        raise Unusable(f"it has no table [{'.'.join(path)}] of its own") from error
    return changed.replace("\n", newline)


def _find_parts(document: tomlkit.TOMLDocument, path: Sequence[str]) -> list[Any]:
    """Return the places that a table is written in; a file may come back to it later.

    Raises:
        Unusable: it is written in dotted keys, which other keys of the file may stand between.
    """
    parts: list[Any] = [document]
    for name in path:
        found = [
            (key, item)
            for part in parts
            for key, item in (part if isinstance(part, Container) else part.value).body
            if key is not None and key.key == name
        ]
        if any(key.is_dotted() for key, _ in found):
            raise Unusable(f"it has no table [{'.'.join(path)}] of its own")
        parts = [item for _, item in found]
    return parts


def _is_super(table: Any) -> bool:
    return bool(getattr(table, "is_super_table", bool)())


def _append(text: str, path: Sequence[str], values: Mapping[str, Value]) -> str:
    """Return the text with a new table at its end, where it disturbs no other table."""
    table = tomlkit.table()
    table.update(values)
    for key in reversed(path[1:]):
        # A table that only holds another one has no header line of its own.
        outer = tomlkit.table(is_super_table=True)
        outer[key] = table
        table = outer
    document = tomlkit.document()
    document[path[0]] = table
    end = "" if not text or text.endswith("\n") else "\n"
    gap = "\n" if text.strip() else ""
    return text + end + gap + tomlkit.dumps(document)


def _parse(text: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise Unusable(str(error)) from None
    except RecursionError:
        raise Unusable("it is nested too deep") from None
