"""Reads and writes the binary form of WebAssembly: numbers, names and sections.

The formats are those of the WebAssembly core specification, chapter 5, which components share.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAGIC: Final = b"\0asm"
CORE_VERSION: Final = b"\x01\0\0\0"
COMPONENT_VERSION: Final = b"\x0d\0\x01\0"


class BinaryError(ValueError):
    """The bytes are not what a module or a component should be."""


class Section(enum.IntEnum):
    """The sections of a core module that the sandbox looks into."""

    IMPORT = 2
    TABLE = 4
    GLOBAL = 6
    EXPORT = 7
    ELEMENT = 9
    CODE = 10
    DATA = 11


class External(enum.IntEnum):
    """What a module imports or exports."""

    FUNCTION = 0
    TABLE = 1
    MEMORY = 2
    GLOBAL = 3
    TAG = 4


@dataclass(frozen=True, slots=True)
class Import:
    """One import of a core module.

    Args:
        module: the first name.
        name: the second name.
        kind: what is imported.
        type: the bytes of its type.
    """

    module: str
    name: str
    kind: External
    type: bytes

    @property
    def is_mutable_global(self) -> bool:
        """Whether a module may write to it with `global.set`."""
        return self.kind is External.GLOBAL and self.type[-1] == 1


@dataclass(frozen=True, slots=True)
class Export:
    """One export of a core module: a name, and an index into the space of its kind."""

    name: str
    kind: External
    index: int


class Cursor:
    """Reads values from bytes, one after the other.

    Args:
        data: the bytes.
        position: where to start.
        end: where to stop; the end of `data` if absent.
    """

    def __init__(self, data: bytes, position: int = 0, end: int | None = None) -> None:
        self.data = data
        self.position = position
        self.end = len(data) if end is None else end

    def __bool__(self) -> bool:
        return self.position < self.end

    def byte(self) -> int:
        """Read one byte."""
        if self.position >= self.end:
            raise BinaryError("the bytes end too early")
        self.position += 1
        return self.data[self.position - 1]

    def number(self) -> int:
        """Read an unsigned number of at most 64 bits (LEB128)."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise BinaryError("a number is too long")

    def skip_number(self) -> None:
        """Pass a number of any sign."""
        while self.byte() >= 0x80:
            pass

    def take(self, size: int) -> bytes:
        """Read that many bytes."""
        if not 0 <= size <= self.end - self.position:
            raise BinaryError("the bytes end too early")
        self.position += size
        return self.data[self.position - size : self.position]

    def name(self) -> str:
        """Read a name in UTF-8."""
        try:
            return self.take(self.number()).decode()
        except UnicodeDecodeError:
            raise BinaryError("a name is not UTF-8") from None

    def since(self, start: int) -> bytes:
        """Return the bytes from `start` to here."""
        return self.data[start : self.position]


def write_number(value: int) -> bytes:
    """Return an unsigned number as LEB128."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def write_name(name: str) -> bytes:
    """Return a name as the format has it: its length and its UTF-8."""
    encoded = name.encode()
    return write_number(len(encoded)) + encoded


def read_sections(data: bytes, version: bytes = CORE_VERSION) -> Iterator[tuple[int, Cursor]]:
    """Yield the number and the content of each section.

    Args:
        data: a whole module or component.
        version: the bytes after the magic number.

    Raises:
        BinaryError: it is something else.
    """
    if data[:4] != MAGIC or data[4:8] != version:
        raise BinaryError("the bytes are no WebAssembly of the expected kind")
    cursor = Cursor(data, 8)
    while cursor:
        number, size = cursor.byte(), cursor.number()
        start = cursor.position
        cursor.take(size)
        yield number, Cursor(data, start, cursor.position)


def write_section(number: int, content: bytes) -> bytes:
    """Return a section."""
    return bytes([number]) + write_number(len(content)) + content


def write_vector(entries: list[bytes]) -> bytes:
    """Return entries after their count."""
    return write_number(len(entries)) + b"".join(entries)


def read_imports(section: Cursor) -> list[Import]:
    """Return what an import section holds."""
    imports = []
    for _ in range(section.number()):
        module, name = section.name(), section.name()
        kind = External(section.byte())
        start = section.position
        if kind is External.GLOBAL:
            section.take(2)
        elif kind is External.TAG:
            section.byte()
            section.number()
        elif kind is External.FUNCTION:
            section.number()
        else:
            if kind is External.TABLE:
                section.byte()
            _skip_limits(section)
        imports.append(Import(module, name, kind, section.since(start)))
    return imports


def write_imports(imports: list[Import]) -> bytes:
    """Return an import section."""
    entries = [
        write_name(each.module) + write_name(each.name) + bytes([each.kind]) + each.type
        for each in imports
    ]
    return write_section(Section.IMPORT, write_vector(entries))


def read_exports(section: Cursor) -> list[Export]:
    """Return what an export section holds."""
    return [
        Export(section.name(), External(section.byte()), section.number())
        for _ in range(section.number())
    ]


def write_exports(exports: list[Export]) -> bytes:
    """Return an export section."""
    entries = [
        write_name(each.name) + bytes([each.kind]) + write_number(each.index) for each in exports
    ]
    return write_section(Section.EXPORT, write_vector(entries))


def _skip_limits(section: Cursor) -> None:
    has_maximum = section.number() & 1
    section.number()
    if has_maximum:
        section.number()
