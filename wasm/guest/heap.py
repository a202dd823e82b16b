"""The order of objects in the memory that the snapshot keeps.

A call runs on copy-on-write memory: the first write to a page costs a page fault, and a reference
count is a write. So few pages should be written: no small holes between old objects where a call's
new ones would be scattered, and no counts on the strings that every search reads.
"""

from __future__ import annotations

import array
import gc
import json
import marshal
import sys
from collections.abc import Callable, Iterable
from typing import Any

from guest import protocol

# The guest's allocator is dlmalloc: blocks of a multiple of 16 bytes, exact fits first, best fits
# next. Measured with nothing but imports: a small call went from 461 page faults to 362.
_SIZES = (1 << 13, 1 << 12, 1 << 11, *range(1 << 10, 31, -16))
_ROOM_BYTES = 1 << 14  # a hole of this size is no harm: what fills it lies together
_FREE_LISTS = 300  # the interpreter keeps up to 80 dead dicts, lists and floats for reuse
_REPORT_EVERY = 1 << 14  # objects between two reports: a report is a call of the host
_fillers: list[object] = []
_SMALLEST = 1 << 14  # of the blocks that fill what loading has left
_laid_out: list[Any] = []  # the dicts and lists of all documents


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


def settle(largest: int, keep_forever: Callable[[bytes], None]) -> None:
    """Make ready for the snapshot.

    What is there now is never freed, so its reference counts need not be written: the host marks
    it, and a call writes to half as many pages. Memory that only loading needed becomes zeros that
    stay unused: pages of zeros take no room in the snapshot, nor in the memory of a process.

    Args:
        largest: bytes of the largest block of zeros; memory may grow by as many.
        keep_forever: takes the addresses of objects, four bytes each.
    """
    gc.collect()
    keep_forever(_list_addresses())
    headroom = bytes(protocol.HEADROOM_BYTES)
    end = max(map(id, _laid_out), default=0)
    size = largest if sys.platform == "wasi" else 0
    while size >= _SMALLEST:
        block = bytes(size)
        if id(block) < end:
            _fillers.append(block)
        else:
            # There is no such hole: this one was cut off the free end of memory.
            size //= 2
    fill_holes()
    del headroom
    gc.freeze()


def _list_addresses() -> bytes:
    """Return the addresses of all objects that there are, four bytes each.

    The dicts and lists of documents are known, so only the rest is looked through. What is on its
    way to be freed must not be among them: its memory would be written to when it is others'.
    """
    found = dict.fromkeys(map(id, _laid_out))
    # `found` itself and its keys will be gone when the addresses are used.
    frontier = [each for each in gc.get_objects() if id(each) not in found and each is not found]
    found.update(dict.fromkeys(map(id, frontier)))
    while frontier:
        reached = {id(each): each for each in gc.get_referents(*frontier)}
        frontier = [each for address, each in reached.items() if address not in found]
        found.update(dict.fromkeys(map(id, frontier)))
    return array.array("I", found).tobytes()


def relocate(first: Iterable[Any], progress: Callable[[int, int], None]) -> dict[int, Any]:
    """Copy a graph of JSON values to fresh memory, in the order in which it will be read.

    A reference count is in the head of a dict or a list: with all heads side by side, a look at
    every operation of a document writes to a few dozen pages instead of thousands. The strings are
    copied too, so that nothing is left of the memory in which the document was read.

    Args:
        first: dicts and lists in their order; what they lead to follows breadth first.
        progress: called now and then with the number of objects that are copied, and of all.

    Returns:
        The new object for the id of each old one. Shared objects stay shared, cycles stay cycles.
    """
    order = list({id(node): node for node in first}.values())
    words: dict[str, Any] = {}
    seen = set(map(id, order))
    for node in order:  # it grows while it is read
        if type(node) is dict:
            words.update(node)  # its keys; the values of `words` are of no interest
            values: Iterable[Any] = node.values()
        else:
            values = node
        for value in values:
            kind = type(value)
            if kind is str:
                words[value] = None
            elif (kind is dict or kind is list) and id(value) not in seen:
                seen.add(id(value))
                order.append(value)
    fill_holes()
    heads: list[Any] = [{} if type(node) is dict else [] for node in order]
    _laid_out.extend(heads)
    fresh = dict(zip(words, _immortalize(json.loads(json.dumps(list(words)))), strict=True))
    del words, seen
    moved = dict(zip(map(id, order), heads, strict=True))
    for number, (node, head) in enumerate(zip(order, heads, strict=True)):
        if type(node) is dict:
            _fill_dict(node, head, fresh, moved)
        else:
            _fill_list(node, head, fresh, moved)
        if not number % _REPORT_EVERY:
            progress(number, len(order))
    progress(len(order), len(order))
    return moved


def _fill_dict(
    node: dict[str, Any], head: dict[str, Any], fresh: dict[str, str], moved: dict[int, Any]
) -> None:
    # A copy takes the room that its keys need and no more.
    head.update(
        {
            fresh[key]: fresh[value]
            if (kind := type(value)) is str
            else moved[id(value)]
            if kind is dict or kind is list
            else value
            for key, value in node.items()
        }
    )


def _fill_list(
    node: list[Any], head: list[Any], fresh: dict[str, str], moved: dict[int, Any]
) -> None:
    # extend() would take blocks of 16 bytes, and holes of that size are not filled.
    for value in node:
        kind = type(value)
        if kind is str:
            value = fresh[value]
        elif kind is dict or kind is list:
            value = moved[id(value)]
        head.append(value)


def _immortalize(strings: Iterable[str]) -> list[str]:
    """Return equal strings whose reference counts are never written again.

    Interned strings become immortal when `marshal` reads them, because it takes them for names in
    code. On an interpreter where that is not so, they are only interned.
    """
    interned = [sys.intern(string) for string in strings]
    marshal.loads(marshal.dumps(interned))  # noqa: S302 - its own dump
    return interned
