"""Python names for the tools of other servers: "create-issue" becomes `create_issue`."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable

MAX_NAME_CHARS = 64


def name_all(titles: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Return a Python name for each title, all different.

    A title that is a Python name keeps it, whatever the others are; of those that come to the same
    name the later ones get a number.

    Args:
        titles: as their source calls them; of equal ones there is one.
        taken: names that are in use already.
    """
    wanted = list(dict.fromkeys(titles))
    used = set(taken)
    names: dict[str, str] = {}
    for title in wanted:
        if make_name(title) == title and title not in used:
            names[title] = title
            used.add(title)
    for title in wanted:
        if title not in names:
            names[title] = name = _number(make_name(title), used)
            used.add(name)
    return {title: names[title] for title in wanted}


def make_name(title: str) -> str:
    """Return a Python name that is as near to the title as possible."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain) if "-" in plain or " " in plain else plain
    name = re.sub(r"\W+", "_", split).strip("_")[:MAX_NAME_CHARS] or "tool"
    if name[0].isdigit():
        name = f"n{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


def _number(name: str, used: set[str]) -> str:
    if name not in used:
        return name
    number = 2
    while f"{name}_{number}" in used:
        number += 1
    return f"{name}_{number}"
