"""The OpenAPI documents as the code sees them: plain dicts, every reference resolved.

They are loaded once, before the snapshot is written; each call starts with them in memory. Schemas
that are used in many places stay one shared object, and a recursive schema is a real cycle.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from guest import heap, references
from guest.references import Targets

METHODS: Final = frozenset(
    ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
)
# The segment after an account or a zone names the product: /zones/{zone_identifier}/dns_records.
_PRODUCT: Final = re.compile(
    r"/(?:accounts|zones|\{accounts?_or_zones?\})/\{[^{}/]+\}/([^{}/]+)(?=/|$)"
    r"|/\{(?:account|zone)_?(?:id|identifier|tag)\}/([^{}/]+)(?=/|$)",
    re.IGNORECASE,
)


def lay_out(
    spec: dict[str, Any], progress: Callable[[int, int], None] | None = None
) -> tuple[dict[str, Any], dict[int, str]]:
    """Lay an OpenAPI document out for searching.

    Args:
        spec: plain JSON values, whose local references all resolve, as the host has checked. It
            is taken apart.
        progress: called now and then with the number of operations that are laid out, and of all.

    Returns:
        The resolved document, and for each object that contains itself, by its id, the pointer
        under which the document knows it.
    """
    targets = references.resolve(spec)
    spec["paths"] = complete_paths(spec.get("paths", {}))
    recursive = find_recursive(targets)
    operations = sum(map(len, spec["paths"].values()))

    def report(done: int, whole: int) -> None:
        if progress is not None:
            progress(operations * done // whole, operations)

    moved = heap.relocate(_order(spec), report)
    return moved[id(spec)], {id(moved[target]): recursive[target] for target in recursive}


def _order(spec: dict[str, Any]) -> Iterable[Any]:
    """Yield what a search scans, in groups: those that many searches read come first."""
    items = spec["paths"].values()
    operations = [operation for item in items for operation in item.values()]
    yield from (spec, spec["paths"], *items, *operations)
    for key in ("tags", "parameters"):
        values = [operation.get(key) for operation in operations]
        yield from (value for value in values if isinstance(value, list))


def complete_paths(paths: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the paths with complete operations and nothing else.

    Code that says `for method, op in item.items()` must not meet a summary or an extension.
    """
    return {
        path: {
            method: _complete(path, item, operation)
            for method, operation in item.items()
            if method in METHODS and isinstance(operation, dict)
        }
        for path, item in paths.items()
        if path.startswith("/") and isinstance(item, dict)
    }


def _complete(path: str, item: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    """Return the operation with what its path item says about it, and its product as a tag."""
    complete = dict(operation)
    if inherited := item.get("parameters"):
        own = operation.get("parameters", [])
        named = {_name(parameter) for parameter in own}
        kept = [parameter for parameter in inherited if _name(parameter) not in named]
        complete["parameters"] = kept + own
    if "servers" in item:
        complete.setdefault("servers", item["servers"])
    if found := _PRODUCT.search(path):
        tags = operation.get("tags") or []
        product = found[1] or found[2]
        complete["tags"] = tags if product in tags else [*tags, product]
    return complete


def _name(parameter: Any) -> tuple[Any, Any]:
    return (parameter.get("name"), parameter.get("in")) if isinstance(parameter, dict) else (0, 0)


def find_recursive(targets: Targets) -> dict[int, str]:
    """Return the pointers of the targets through which the document contains itself, by id.

    A target between two cycles is among them too; it never closes one, so it is never printed.
    """
    edges = {owner: _reach(node, targets) for owner, (_pointer, node) in targets.items()}
    cyclic = _trim(edges)
    backwards: dict[int, set[int]] = {target: set() for target in cyclic}
    for owner in cyclic:
        for target in edges[owner] & cyclic:
            backwards[target].add(owner)
    return {target: targets[target][0] for target in _trim(backwards)}


def _reach(start: Any, targets: Targets) -> set[int]:
    """Return the ids of the targets below an object, not looking into them."""
    reached = set()
    pending = [start]
    seen = set()
    while pending:
        node = pending.pop()
        for value in node.values() if type(node) is dict else node:
            if type(value) in (dict, list):
                if id(value) in targets:
                    reached.add(id(value))
                elif id(value) not in seen:
                    seen.add(id(value))
                    pending.append(value)
    return reached


def _trim(edges: dict[int, set[int]]) -> set[int]:
    """Return the nodes from which a cycle can be reached: leaves are removed until none is left."""
    sources: dict[int, list[int]] = {}
    for node, reached in edges.items():
        for target in reached:
            sources.setdefault(target, []).append(node)
    open_edges = {node: len(reached) for node, reached in edges.items()}
    ends = [node for node, count in open_edges.items() if not count]
    while ends:
        end = ends.pop()
        del open_edges[end]
        for source in sources.get(end, ()):
            open_edges[source] -= 1
            if not open_edges[source]:
                ends.append(source)
    return set(open_edges)
