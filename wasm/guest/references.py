"""Replaces the references of a document by what they refer to, in place.

The host has checked that every `$ref` with a text leads to a value of the document, except in data
(examples, defaults), where it has renamed the others. What leads nowhere here stays as it is.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote

Targets = dict[int, tuple[str, Any]]
"""What references refer to: by the id of the object, the pointer as written and the object."""

_NOTHING: Final = object()


def resolve(document: dict[str, Any]) -> Targets:
    """Replace the references of a document and return what they refer to.

    Keys beside a `$ref` win over those of its target, because descriptions there are meant: such a
    reference becomes a copy of its target. All others of one pointer become one shared object.
    """
    references = _References(document)
    targets: Targets = {}
    # No recursion: chains of references can be thousands of objects long.
    pending: list[Any] = [document]
    seen = {id(document)}
    while pending:
        node = pending.pop()
        # Values are replaced while they are read, which is safe as long as no key is new.
        for key, value in node.items() if type(node) is dict else enumerate(node):
            kind = type(value)
            if kind is dict:
                pointer = value.get("$ref")
                if type(pointer) is str:
                    value = node[key] = references.follow(value, pointer)
                    if type(value) is not dict and type(value) is not list:
                        continue
                    targets.setdefault(id(value), (pointer, value))
            elif kind is not list:
                continue
            if id(value) not in seen:
                seen.add(id(value))
                pending.append(value)
    return targets


class _References:
    """Finds what the references of one document refer to, each once.

    Args:
        document: it may be replaced in place meanwhile.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._found: dict[str, Any] = {}
        # By the id of a reference with other keys; it is kept, so that its id stays its own.
        self._merged: dict[int, tuple[dict[str, Any], Any]] = {}

    def follow(self, reference: dict[str, Any], pointer: str) -> Any:
        """Return what a reference becomes: itself, if its pointer leads nowhere."""
        target = self._found.get(pointer)
        if target is None and pointer not in self._found:
            # Whoever comes back here before the pointer is found goes around in a circle.
            self._found[pointer] = _NOTHING
            target = self._found[pointer] = self._find(pointer)
        if target is _NOTHING:
            return reference
        if len(reference) == 1 or type(target) is not dict:
            return target
        known = self._merged.get(id(reference))
        if known is None:
            merged = target | reference
            if "$ref" not in target:
                del merged["$ref"]
            else:
                merged["$ref"] = target["$ref"]
            known = self._merged[id(reference)] = (reference, merged)
        return known[1]

    def _find(self, pointer: str) -> Any:
        """Return the value under a pointer, or `_NOTHING`."""
        if pointer != "#" and not pointer.startswith("#/"):
            return _NOTHING
        value: Any = self._document
        for token in unquote(pointer[1:]).split("/")[1:]:
            key = token.replace("~1", "/").replace("~0", "~")
            if type(value) is dict and key not in value:
                value = self._pass(value)
            if type(value) is dict:
                value = value.get(key, _NOTHING)
            elif type(value) is list and key.isdecimal() and int(key) < len(value):
                value = value[int(key)]
            else:
                return _NOTHING
        return self._pass(value)

    def _pass(self, value: Any) -> Any:
        """Return what a value refers to if it is a reference, else the value."""
        if type(value) is not dict or type(value.get("$ref")) is not str:
            return value
        target = self.follow(value, value["$ref"])
        return _NOTHING if target is value else target
