"""The operator's file of rules, `pymode.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from pymode.errors import ConfigError
from pymode.policy.rule import LISTS, Rule, RuleListName, parse, suggest
from pymode.policy.rules import Rules


def read_file(path: str | Path) -> Rules:
    """Read the rules of a `pymode.toml`: its table `[rules]` with allow, deny, approve, read_only.

    Raises:
        ConfigError: the file cannot be read, is not TOML, or holds anything but rules.
    """
    path = Path(path)
    try:
        # The sig variant drops a byte order mark, with which TOML could not be parsed.
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"--config: cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"--config: {path} is not TOML: {error}") from None
    _check_keys(document, ("rules",), f"{path}")
    table = document.get("rules", {})
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: rules must be a table; begin it with the line [rules]")
    _check_keys(table, (*LISTS, "read_only"), f"{path}: [rules]")
    read_only = table.get("read_only", False)
    if not isinstance(read_only, bool):
        raise ConfigError(f"{path}: [rules] read_only must be true or false, not {read_only!r}")
    allow, deny, approve = (_read_list(table, name, path) for name in LISTS)
    return Rules(allow, deny, approve, read_only, f"read_only in {path.name}")


def _check_keys(table: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in known:
            near = suggest(key.lower(), known)
            raise ConfigError(f"{where} has no key {key[:60]!r}{near}; known: {', '.join(known)}")


def _read_list(table: Mapping[str, object], name: RuleListName, path: Path) -> tuple[Rule, ...]:
    texts = table.get(name, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        msg = f'{path}: [rules] {name} must be a list of texts, such as {name} = ["GET /zones/**"]'
        raise ConfigError(msg)
    # Whoever writes `allow = []` may mean that nothing is allowed, but it would allow everything.
    if name == "allow" and not texts and name in table:
        msg = f"{path}: [rules] allow is empty; leave it out to allow all, or deny * /**"
        raise ConfigError(msg)
    # Only the file's name: refusals name the source to the code, which must not learn the folder.
    return tuple(parse(text, name, f"{name} in {path.name}") for text in texts)
