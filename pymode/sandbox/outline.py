"""Reads what a component is made of: its core modules, their instances, and what they exchange.

The format is that of the component model, Binary.md. Types are not read: what passes between the
core modules are numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from pymode.sandbox.binary import COMPONENT_VERSION, BinaryError, Cursor, External, read_sections

HOST: Final = "host"
"""The module name of what the host gives; the name of the function is `interface#function`."""

VARIANT: Final = "~"
"""What follows tells apart the names of one function that is given with several allocators."""

_CORE_SORTS: Final = {**{kind.value: kind for kind in External}}
_INSTANCE, _FUNCTION, _TYPE = 5, 1, 3


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
class Options:
    """The options of a canonical function: indices of core items."""

    memory: int | None = None
    allocate: int | None = None
    post_return: int | None = None


@dataclass(slots=True)
class Outline:
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
    functions: list[str | tuple[int, Options] | None] = field(default_factory=list)
    exports: dict[str, int] = field(default_factory=dict)
    allocators: dict[str, Item | None] = field(default_factory=dict)
    memories: set[Item] = field(default_factory=set)

    def find(self, kind: External, index: int) -> Item:
        """Return where an item comes from."""
        source = self.items[kind][index]
        if isinstance(source, str):
            return Item(HOST, source)
        return self.export(*source)

    def give(self, function: str, options: Options) -> str:
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


def read(component: bytes) -> Outline:
    """Read a component.

    Raises:
        BinaryError: it is of a form that is not known here.
    """
    outline = Outline()
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


def _read_core_instances(outline: Outline, content: Cursor) -> None:
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


def _read_instances(outline: Outline, content: Cursor) -> None:
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


def _read_aliases(outline: Outline, content: Cursor) -> None:
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


def _read_canonical(outline: Outline, content: Cursor) -> None:
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


def _read_options(content: Cursor) -> Options:
    options = Options()
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


def _read_component_imports(outline: Outline, content: Cursor) -> None:
    for _ in range(content.number()):
        name, sort = _read_extern_name(content), content.byte()
        _read_extern_type(sort, content)
        if sort == _INSTANCE:
            outline.interfaces.append(name)
        elif sort == _FUNCTION:
            outline.functions.append(f"#{name}")


def _read_component_exports(outline: Outline, content: Cursor) -> None:
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
