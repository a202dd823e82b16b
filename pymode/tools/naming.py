"""Python names for MCP servers and their tools: "create-issue" becomes `create_issue`."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable

MAX_NAME_CHARS = 64


def name_all(titles: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Return a different Python name for each title.

    A title that `make_name` leaves unchanged is its own name, wherever it is in the order. Another
    title gets a number if its name is in use already: `get_user`, `get_user_2`.

    Args:
        titles: the names that the source uses; repeated ones count once.
        taken: names that may not be used.
    """
    wanted = list(dict.fromkeys(titles))
    used = set(taken)
    names: dict[str, str] = {}
    # Titles that are usable names come first, so that no other title takes their name.
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
    """Return a Python name for a title, with few changes: ASCII only, cut to 64 characters."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    # A title with hyphens or blanks has to change anyway, so its words are separated, too:
    # "Get-UserName" becomes `Get_User_Name`. But `getUser` is a Python name and stays as it is.
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
