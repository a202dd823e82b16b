"""Takes a component of componentize-py apart into its core modules and how they are linked.

A component hides its memory, and a call into it passes values one by one. Its core modules, linked
by the same rules, are the same program: with functions of numbers, and one memory that the host can
read, write and map. The format is that of the component model, Binary.md.

`take_apart` also checks what a restored instance depends on (see `snapshot.py`): no instruction
changes a table or drops a segment, and every mutable global can be exported and set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from pymode.sandbox.binary import (
    COMPONENT_VERSION,
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

HOST: Final = "host"
"""The module name of what the host gives; the name of the function is `interface#function`."""

VARIANT: Final = "~"
"""What follows tells apart the names of one function that is given with several allocators."""

GLOBAL: Final = "pymode:global/"
"""Under this name and its index each module exports a mutable global of its own."""

# i32, i64, f32, f64: what can be read and written by number.
_NUMBERS: Final = frozenset((0x7F, 0x7E, 0x7D, 0x7C))
_CORE_SORTS: Final = {**{kind.value: kind for kind in External}}
_INSTANCE, _FUNCTION, _TYPE = 5, 1, 3


class UnsoundComponent(Exception):
    """Instances of this component could not be restored exactly, or it is of an unknown form."""


@dataclass(frozen=True, slots=True)
class Item:
    """Where a function, memory, table or global comes from.

    Args:
        module: the name of a part, or `HOST`.
        name: under which that part exports it.
    """

    module: str
    name: str


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


@dataclass(frozen=True, slots=True)
class _Options:
    """The options of a canonical function: indices of core items."""

    memory: int | None = None
    allocate: int | None = None
    post_return: int | None = None


@dataclass(slots=True)
class _Outline:
    """The index spaces of a component, in the order of their definition."""

    modules: list[bytes] = field(default_factory=list)
    # An instance is a module with its imports by name, or a bag of named items.
    instances: list[tuple[int, dict[str, int]] | dict[str, tuple[External, int]]] = field(
        default_factory=list
    )
    # An item is an export of an instance, or a function of the host.
    items: dict[External, list[tuple[int, str] | str]] = field(
        default_factory=lambda: {kind: [] for kind in External}
    )
    interfaces: list[str | None] = field(default_factory=list)
    # A function is one of the host, a core function with its options, or one of no interest.
    functions: list[str | tuple[int, _Options] | None] = field(default_factory=list)
    exports: dict[str, int] = field(default_factory=dict)
    allocators: dict[str, Item | None] = field(default_factory=dict)
    memories: set[Item] = field(default_factory=set)

    def find(self, kind: External, index: int) -> Item:
        """Return where an item comes from."""
        source = self.items[kind][index]
        if isinstance(source, str):
            return Item(HOST, source)
        return self.export(*source)

    def give(self, function: str, options: _Options) -> str:
        """Return the name under which the host gives a function that is used with these options.

        Two modules may use one function, each with an allocator of its own: it has a name for each.
        """
        allocator = None
        if options.memory is not None:
            self.memories.add(self.find(External.MEMORY, options.memory))
        if options.allocate is not None:
            allocator = self.find(External.FUNCTION, options.allocate)
        name, count = function, 1
        while self.allocators.setdefault(name, allocator) != allocator:
            count += 1
            name = f"{function}{VARIANT}{count}"
        return name

    def export(self, instance: int, name: str) -> Item:
        """Return where an export of an instance comes from."""
        found = self.instances[instance]
        return self.find(*found[name]) if isinstance(found, dict) else Item(f"i{instance}", name)


def take_apart(component: bytes) -> Linked:
    """Return the core modules of a component, with their imports renamed and checked.

    Raises:
        UnsoundComponent: an instance could not be restored exactly, or the form is not known here.
    """
    try:
        outline = _read(component)
        return _link(outline)
    except (BinaryError, LookupError, ValueError) as error:
        raise UnsoundComponent(f"the component cannot be taken apart: {error!r}") from None


def _link(outline: _Outline) -> Linked:
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


def _read(component: bytes) -> _Outline:
    outline = _Outline()
    readers = {
        2: _read_core_instances,
        5: _read_instances,
        6: _read_aliases,
        8: _read_canonical,
        10: _read_component_imports,
        11: _read_component_exports,
    }
    for number, content in read_sections(component, COMPONENT_VERSION):
        if number == 1:
            outline.modules.append(content.take(content.end - content.position))
        elif number == 9:
            raise BinaryError("a component with a start function")
        elif reader := readers.get(number):
            reader(outline, content)
            if content:
                raise BinaryError(f"section {number} has more than was read")
    return outline


def _read_core_instances(outline: _Outline, content: Cursor) -> None:
    for _ in range(content.number()):
        if content.byte() == 0:
            module, spaces = content.number(), {}
            for _ in range(content.number()):
                name = content.name()
                content.byte()
                spaces[name] = content.number()
            outline.instances.append((module, spaces))
        else:
            items = {}
            for _ in range(content.number()):
                name = content.name()
                items[name] = (External(content.byte()), content.number())
            outline.instances.append(items)


def _read_instances(outline: _Outline, content: Cursor) -> None:
    """Pass over instances of components and of exports.

    They show what is there already under the name of an interface; no core module uses them, and
    `_read_canonical` refuses one that would.
    """
    for _ in range(content.number()):
        if content.byte() == 0:
            content.number()
            for _ in range(content.number()):
                content.name()
                _read_sort(content)
                content.number()
        else:
            for _ in range(content.number()):
                _read_extern_name(content)
                _read_sort(content)
                content.number()
        outline.interfaces.append(None)


def _read_aliases(outline: _Outline, content: Cursor) -> None:
    for _ in range(content.number()):
        sort, core = _read_sort(content)
        target = content.byte()
        if target == 2:
            raise BinaryError("an alias of an outer component")
        instance, name = content.number(), content.name()
        if core is not None:
            outline.items[core].append((instance, name))
        elif sort == _FUNCTION:
            interface = outline.interfaces[instance]
            outline.functions.append(interface and f"{interface}#{name}")
        elif sort == _INSTANCE:
            outline.interfaces.append(None)


def _read_canonical(outline: _Outline, content: Cursor) -> None:
    for _ in range(content.number()):
        kind = content.byte()
        if kind == 0:  # lift
            content.byte()
            core = content.number()
            options = _read_options(content)
            content.number()
            outline.functions.append((core, options))
        elif kind == 1:  # lower
            content.byte()
            function = outline.functions[content.number()]
            if not isinstance(function, str):
                raise BinaryError("a function of the component is given back to it")
            name = outline.give(function, _read_options(content))
            outline.items[External.FUNCTION].append(name)
        elif kind in (2, 3, 4):  # resource.new, resource.drop, resource.rep
            content.number()
            outline.items[External.FUNCTION].append(f"resource#{kind}")
        else:
            raise BinaryError(f"the canonical function {kind:#x} is not known here")


def _read_options(content: Cursor) -> _Options:
    options = _Options()
    for _ in range(content.number()):
        option = content.byte()
        if option == 3:
            options = replace(options, memory=content.number())
        elif option == 4:
            options = replace(options, allocate=content.number())
        elif option == 5:
            options = replace(options, post_return=content.number())
        elif option != 0:  # UTF-8
            raise BinaryError(f"the option {option} of a function is not known here")
    return options


def _read_component_imports(outline: _Outline, content: Cursor) -> None:
    for _ in range(content.number()):
        name, sort = _read_extern_name(content), content.byte()
        _read_extern_type(sort, content)
        if sort == _INSTANCE:
            outline.interfaces.append(name)
        elif sort == _FUNCTION:
            outline.functions.append(f"#{name}")


def _read_component_exports(outline: _Outline, content: Cursor) -> None:
    for _ in range(content.number()):
        name = _read_extern_name(content)
        sort, _core = _read_sort(content)
        index = content.number()
        if content.byte():
            _read_extern_type(content.byte(), content)
        # An export is a new index for the same thing.
        if sort == _FUNCTION:
            outline.exports[name] = index
            outline.functions.append(outline.functions[index])
        elif sort == _INSTANCE:
            outline.interfaces.append(None)


def _read_extern_name(content: Cursor) -> str:
    content.byte()
    return content.name()


def _read_sort(content: Cursor) -> tuple[int, External | None]:
    """Return the sort, and for a core sort which; modules, types and instances are passed over."""
    sort = content.byte()
    if sort:
        return sort, None
    return sort, _CORE_SORTS[content.byte()]


def _read_extern_type(sort: int, content: Cursor) -> None:
    if sort == 0:
        content.byte()
    if sort == _TYPE:
        if content.byte() == 0:
            content.number()
        return
    if sort == 2 and content.byte() == 1:
        return
    content.number()
