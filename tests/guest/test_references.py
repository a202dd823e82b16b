"""The guest's own resolver reads references as jsonref does, which is slower by far."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonref
import pytest
from paths import SHARED_SPECS

from guest import references
from pymode import data

SHIPPED = data.folder("specs") / "cloudflare.json"
# The shared ones are no part of the repository.
DOCUMENTS = [SHIPPED, *sorted(SHARED_SPECS.glob("*.json"))]


def write_out(root: Any) -> str:
    """Return a graph as text: each object once, and where it comes again its number."""
    numbers: dict[int, int] = {}
    kept = []
    parts: list[str] = []
    pending: list[Any] = [root]
    while pending:
        node = pending.pop()
        if isinstance(node, jsonref.JsonRef):
            node = node.__subject__
        if not isinstance(node, (dict, list)):
            parts.append(json.dumps(node))
            continue
        number = numbers.setdefault(id(node), len(numbers))
        parts.append(str(number))
        if number == len(kept):
            kept.append(node)
            if isinstance(node, dict):
                parts.append(json.dumps(list(node)))
            pending += reversed(list(node.values()) if isinstance(node, dict) else node)
    return "\n".join(parts)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_is_resolved_as_jsonref_resolves_it(path: Path) -> None:
    document = json.loads(path.read_bytes())
    resolved = copy.deepcopy(document)
    references.resolve(resolved)
    expected = jsonref.replace_refs(document, merge_props=True)
    assert write_out(resolved) == write_out(expected)
