"""The order of objects in the memory that the snapshot keeps.

A call runs on copy-on-write memory: the first write to a page costs a page fault, and a reference
count is a write. So few pages should be written: no small holes between old objects where a call's
new ones would be scattered, and no counts on the strings that every search reads.
"""

from __future__ import annotations

import gc
import json
import marshal
import sys
from collections.abc import Iterable
from typing import Any

# The guest's allocator is dlmalloc: blocks of a multiple of 16 bytes, exact fits first, best fits
# next. Measured with nothing but imports: a small call went from 461 page faults to 362.
_SIZES = (1 << 13, 1 << 12, 1 << 11, *range(1 << 10, 31, -16))
_ROOM_BYTES = 1 << 14  # a hole of this size is no harm: what fills it lies together
_FREE_LISTS = 300  # the interpreter keeps up to 80 dead dicts, lists and floats for reuse
_SHORT = 100  # characters of a string that may be copied wherever it is used
_fillers: list[object] = []


def fill_holes() -> None:
    """Fill the small holes of the heap for good, so that later objects lie together.

    The blocks are not of zeros: wasmtime maps an image copy-on-write only if half of it is not
    zero, and otherwise copies all of it for each instance (35 ms instead of 0.9 ms).
    """
    gc.collect()
    if sys.platform != "wasi":
        return  # natively objects live in pools by size; only the tests run there
    _fillers.append([{} for _ in range(_FREE_LISTS)])
    _fillers.append([[] for _ in range(_FREE_LISTS)])
    _fillers.append([index + 0.5 for index in range(_FREE_LISTS)])
    overhead = sys.getsizeof(b"") + 4  # and what dlmalloc adds
    for size in _SIZES:
        last = run = 0
        while run * size < _ROOM_BYTES:
            _fillers.append(b"\x01" * (size - overhead))
            place = id(_fillers[-1])
            run = run + 1 if place == last + size else 1
            last = place
        del _fillers[-run:]


def relocate(first: Iterable[Any]) -> dict[int, Any]:
    """Copy a graph of JSON values to fresh memory, in the order in which it will be read.

    A reference count is in the head of a dict or a list: with all heads side by side, a look at
    every operation of a document writes to a few dozen pages instead of thousands.

    The strings of the first ones and the short strings of all are copied too. Long ones stay, as
    a large document would need too much memory: componentize-py snapshots no more than so much.

    Args:
        first: dicts and lists in their order; what they lead to follows breadth first.

    Returns:
        The new object for the id of each old one. Shared objects stay shared, cycles stay cycles.
    """
    order = list({id(node): node for node in first}.values())
    words = dict.fromkeys(word for node in order for word in _strings(node))
    seen = set(map(id, order))
    for node in order:  # it grows while it is read
        for value in node.values() if type(node) is dict else node:
            if type(value) in (dict, list) and id(value) not in seen:
                seen.add(id(value))
                order.append(value)
    words |= dict.fromkeys(w for node in order for w in _strings(node) if len(w) < _SHORT)
    fill_holes()
    heads = [type(node)() for node in order]
    fresh = dict(zip(words, _immortalize(json.loads(json.dumps(list(words)))), strict=True))
    moved = dict(zip(map(id, order), heads, strict=True))

    def move(value: Any) -> Any:
        kind = type(value)
        if kind is str:
            return fresh.get(value, value)
        return moved[id(value)] if kind in (dict, list) else value

    for node, head in zip(order, heads, strict=True):
        if type(node) is dict:
            head.update({fresh.get(key, key): move(value) for key, value in node.items()})
        else:
            # extend() would take blocks of 16 bytes, and holes of that size are not filled.
            for value in node:
                head.append(move(value))
    return moved


def _strings(node: dict[str, Any] | list[Any]) -> Iterable[str]:
    values = node.values() if type(node) is dict else node
    return [*(node if type(node) is dict else ()), *(v for v in values if type(v) is str)]


def _immortalize(strings: Iterable[str]) -> list[str]:
    """Return equal strings whose reference counts are never written again.

    Interned strings become immortal when `marshal` reads them, because it takes them for names in
    code. On an interpreter where that is not so, they are only interned.
    """
    interned = [sys.intern(string) for string in strings]
    marshal.loads(marshal.dumps(interned))  # noqa: S302 - its own dump
    return interned
