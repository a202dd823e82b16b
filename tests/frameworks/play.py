"""Runs the Python block of a page against the simulated API, with a scripted model.

It runs in the virtual environment of a framework, in which `tests` need not be importable:

    python tests/frameworks/play.py NAME JSON

The block is executed as it stands, but for what it assigns at the top to `api`, `model` or
`server`: these are the simulated API, the scripted model and, where pymode is in another
environment, how to reach it. The block must print an answer that holds what `zones` in the JSON
says.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

PAGES = Path(__file__).resolve().parents[2] / "docs" / "frameworks"


def read_block(name: str) -> str:
    """Return the only Python block of a page."""
    page = (PAGES / f"{name}.md").read_text()
    [block] = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return str(block)


def supply(block: str, values: dict[str, object]) -> ast.Module:
    """Return the block with other values for the names that it assigns at the top.

    Raises:
        AssertionError: the block does not assign each of them once.
    """
    tree = ast.parse(block)
    supplied = []
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in values:
                supplied.append(name)
                taken = ast.parse(f"SUPPLIED[{name!r}]", mode="eval").body
                node.value = ast.copy_location(taken, node.value)
    assert sorted(supplied) == sorted(values), f"{sorted(supplied)} are not {sorted(values)}"
    return ast.fix_missing_locations(tree)


def play(name: str, given: dict[str, Any]) -> str:
    """Run the block of a page and return what it printed."""
    model = importlib.import_module(f"models.{name}")
    values: dict[str, object] = model.supply()
    if "server" in given:
        values["server"] = getattr(model, "read_server", dict)(given["server"])
    elif "api = OpenAPI(" in read_block(name):
        from pymode import OpenAPI

        values["api"] = OpenAPI("cloudflare", base_url=given["base_url"], token=given["token"])
    tree = supply(read_block(name), values)
    printed = io.StringIO()
    scope = {"__name__": "__main__", "SUPPLIED": values}
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, f"{name}.md", "exec"), scope)
    return printed.getvalue()


def main(name: str, given: dict[str, Any]) -> None:
    """Run a page, see what it printed, and check what it does not show."""
    text = play(name, given)
    model = importlib.import_module(f"models.{name}")
    missing = [words for words in getattr(model, "EXPECTED", given["zones"]) if words not in text]
    if missing:
        sys.exit(f"{', '.join(missing)} are not in what the page printed:\n{text}")
    if hasattr(model, "check"):
        model.check()


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
