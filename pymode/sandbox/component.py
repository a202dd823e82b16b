"""Takes a component of componentize-py apart into its core modules and how they are linked.

A component hides its memory, and a call into it passes values one by one. Its core modules, linked
by the same rules, are the same program: with functions of numbers, and one memory that the host can
read, write and map.

`take_apart` also checks what a restored instance depends on (see `snapshot.py`): no instruction
changes a table or drops a segment, and every mutable global can be exported and set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from pymode.sandbox import outline as outlines
from pymode.sandbox.binary import (
    CORE_VERSION,
    MAGIC,
    BinaryError,
    Cursor,
    Export,
    External,
    Import,
    Section,
    read_exports,
    read_imports,
    read_sections,
    write_exports,
    write_imports,
    write_section,
)
from pymode.sandbox.instructions import MAX_TABLES, find_changes
from pymode.sandbox.outline import Item, Outline

GLOBAL: Final = "pymode:global/"
"""Under this name and its index each module exports a mutable global of its own."""

# i32, i64, f32, f64: what can be read and written by number.
_NUMBERS: Final = frozenset((0x7F, 0x7E, 0x7D, 0x7C))


class UnsoundComponent(Exception):
    """Instances of this component could not be restored exactly, or it is of an unknown form."""


@dataclass(frozen=True, slots=True)
class Part:
    """A core module, whose imports name the parts that they come from.

    Args:
        name: under which the parts after it import from it.
        content: the binary module.
        globals: the names of its mutable globals, and the number of each one's type.
    """

    name: str
    content: bytes
    globals: dict[str, int]


@dataclass(frozen=True, slots=True)
class Lifted:
    """A function that the component exports.

    Args:
        function: the core function behind it.
        post_return: called with its result when that was read; None where there is none.
    """

    function: Item
    post_return: Item | None


@dataclass(frozen=True, slots=True)
class Linked:
    """The core modules of a component in the order in which they are instantiated.

    Args:
        parts: the modules.
        functions: what the component exports.
        memory: the one memory that the functions use.
        allocate: the guest's allocator, for the arguments of `functions`.
        allocators: for the host's functions that return lists, by name.
    """

    parts: tuple[Part, ...]
    functions: dict[str, Lifted]
    memory: Item
    allocate: Item
    allocators: dict[str, Item]


def take_apart(component: bytes) -> Linked:
    """Return the core modules of a component, with their imports renamed and checked.

    Raises:
        UnsoundComponent: an instance could not be restored exactly, or the form is not known here.
    """
    try:
        outline = outlines.read(component)
        return _link(outline)
    except (BinaryError, LookupError, ValueError) as error:
        raise UnsoundComponent(f"the component cannot be taken apart: {error!r}") from None


def _link(outline: Outline) -> Linked:
    parts = []
    for number, instance in enumerate(outline.instances):
        if isinstance(instance, dict):
            continue
        module, spaces = instance

        def find(wanted: Import, spaces: dict[str, int] = spaces) -> Item:
            return outline.export(spaces[wanted.module], wanted.name)

        parts.append(_make_part(f"i{number}", outline.modules[module], find))
    functions, memories, allocators = {}, set(outline.memories), set()
    for name, index in outline.exports.items():
        lifted = outline.functions[index]
        if not isinstance(lifted, tuple):
            continue
        core, options = lifted
        post_return = options.post_return
        functions[name] = Lifted(
            outline.find(External.FUNCTION, core),
            None if post_return is None else outline.find(External.FUNCTION, post_return),
        )
        if options.memory is not None:
            memories.add(outline.find(External.MEMORY, options.memory))
        if options.allocate is not None:
            allocators.add(outline.find(External.FUNCTION, options.allocate))
    if len(memories) != 1 or len(allocators) != 1:
        raise UnsoundComponent(
            f"the component uses {len(memories)} memories and {len(allocators)} allocators; "
            "one of each can be restored"
        )
    given = {name: item for name, item in outline.allocators.items() if item is not None}
    return Linked(tuple(parts), functions, memories.pop(), allocators.pop(), given)


def _make_part(name: str, module: bytes, find: Callable[[Import], Item]) -> Part:
    """Return a module with its imports renamed and its mutable globals exported.

    Raises:
        UnsoundComponent: it has an instruction or a global that cannot be undone.
    """
    imports: list[Import] = []
    exports: list[Export] = []
    own: list[tuple[int, bool]] = []
    rest: list[tuple[int, bytes]] = []
    for number, content in read_sections(module):
        if number == Section.IMPORT:
            imports = read_imports(content)
        elif number == Section.EXPORT:
            exports = read_exports(content)
        else:
            _check(name, number, Cursor(content.data, content.position, content.end))
            if number == Section.GLOBAL:
                own = _read_globals(Cursor(content.data, content.position, content.end))
            rest.append((number, content.take(content.end - content.position)))
    renamed = [
        replace(each, module=source.module, name=source.name)
        for each in imports
        for source in [find(each)]
    ]
    first = sum(each.kind is External.GLOBAL for each in imports)
    mutable = {}
    for index, (kind, is_mutable) in enumerate(own, first):
        if is_mutable:
            if kind not in _NUMBERS:
                raise UnsoundComponent(f"{name} has a mutable global that is no number")
            mutable[f"{GLOBAL}{index}"] = kind
            exports.append(Export(f"{GLOBAL}{index}", External.GLOBAL, index))
    written = {Section.IMPORT: write_imports(renamed), Section.EXPORT: write_exports(exports)}
    return Part(name, MAGIC + CORE_VERSION + _order(rest, written), mutable)


def _order(rest: list[tuple[int, bytes]], written: dict[Section, bytes]) -> bytes:
    """Put the new sections where the format wants them; custom sections may be anywhere."""
    content = b""
    pending = dict(written)
    for number, section in rest:
        for each in sorted(pending):
            if number > each:
                content += pending.pop(each)
        content += write_section(number, section)
    return content + b"".join(pending[each] for each in sorted(pending))


def _check(name: str, number: int, content: Cursor) -> None:
    """Refuse what would change a table or a segment after the start."""
    if number == Section.CODE:
        for function, instruction in find_changes(content):
            raise UnsoundComponent(
                f"{name} uses {instruction} in its function {function}; tables and segments are "
                "not restored, so no instruction may change them"
            )
    elif number == Section.TABLE and content.number() > MAX_TABLES:
        raise UnsoundComponent(f"{name} has more than {MAX_TABLES} tables")


def _read_globals(section: Cursor) -> list[tuple[int, bool]]:
    """Return the type of each global, and whether it is mutable."""
    found = []
    for _ in range(section.number()):
        kind, is_mutable = section.byte(), section.byte() == 1
        found.append((kind, is_mutable))
        while (opcode := section.byte()) != 0x0B:  # a constant expression, up to its `end`
            if opcode in (0x23, 0x41, 0x42, 0xD0, 0xD2):
                section.skip_number()
            elif opcode in (0x43, 0x44):
                section.take(4 if opcode == 0x43 else 8)
            elif opcode == 0xFD and section.number() == 12:  # v128.const
                section.take(16)
            elif opcode not in (0x6A, 0x6B, 0x6C, 0x7C, 0x7D, 0x7E):
                raise BinaryError(f"a global starts with the instruction {opcode:#x}")
    return found
