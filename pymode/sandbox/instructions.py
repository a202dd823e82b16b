"""Finds the instructions of a core module that change state outside of memory and globals.

A restored instance must be what its snapshot was. Memory and mutable globals are put back after
each call; tables and segments are not, so no instruction may change them. A search for the bytes of
such an instruction is fast and misses none, but also finds constants with the same bytes: only the
functions in which it finds something are decoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pymode.sandbox.binary import BinaryError, Cursor

# Table 0xFC of the core specification, 5.4.
CHANGES: Final = {
    0x08: "memory.init",
    0x09: "data.drop",
    0x0C: "table.init",
    0x0D: "elem.drop",
    0x0E: "table.copy",
    0x0F: "table.grow",
    0x11: "table.fill",
}
TABLE_SET: Final = 0x26

# The number after 0xFC may be written in more bytes than it needs. After `table.set` comes the
# index of a table, of which no module here has more than a few; 0x80 starts a longer form.
_MAY_CHANGE: Final = re.compile(
    rb"\xfc(?:[\x08\x09\x0c-\x0f\x11]|[\x88\x89\x8c-\x8f\x91]\x80{0,3}\x00)"
    rb"|\x26(?:[\x00-\x0f]|[\x80-\x8f]\x80{0,3}\x00)"
)
MAX_TABLES: Final = 16

_BLOCKS = {0x02, 0x03, 0x04, 0x06}
# One index: br, br_if, call, return_call, throw, rethrow, delegate, catch, local.*, global.*,
# table.get, table.set, ref.func, ref.null, memory.size, memory.grow.
_ONE_INDEX = {0x07, 0x08, 0x09, 0x0C, 0x0D, 0x10, 0x12, 0x18, 0x3F, 0x40, 0xD0, 0xD2} | set(
    range(0x20, 0x27)
)
_TWO_INDICES = {0x11, 0x13}  # call_indirect, return_call_indirect
_CONSTANTS = {0x41, 0x42}
_PLAIN = {0x00, 0x01, 0x05, 0x0A, 0x0B, 0x0F, 0x19, 0x1A, 0x1B, 0xD1} | set(range(0x45, 0xC5))
_FC_INDICES = {0x08: 2, 0x09: 1, 0x0A: 2, 0x0B: 1, 0x0C: 2, 0x0D: 1, 0x0E: 2} | dict.fromkeys(
    (0x0F, 0x10, 0x11), 1
)


def find_changes(code: Cursor) -> Iterator[tuple[int, str]]:
    """Yield each instruction of a code section that changes a table or drops a segment.

    Yields:
        The number of the function among those that the module defines, and the instruction.

    Raises:
        BinaryError: a function cannot be read.
    """
    for number in range(code.number()):
        size = code.number()
        start = code.position
        code.take(size)
        if _MAY_CHANGE.search(code.data, start, code.position):
            body = Cursor(code.data, start, code.position)
            for instruction in _decode(body):
                yield number, instruction


def _decode(body: Cursor) -> Iterator[str]:
    """Yield the names of the instructions of one function that change state."""
    for _ in range(body.number()):
        body.number()
        body.byte()
    while body:
        opcode = body.byte()
        if opcode == TABLE_SET:
            yield "table.set"
        if opcode == 0xFC:
            number = body.number()
            if number in CHANGES:
                yield CHANGES[number]
            _skip(body, _FC_INDICES.get(number, 0) if number > 7 else 0)
            if number > 0x11:
                raise BinaryError(f"the instruction 0xfc {number} is not known here")
        else:
            _pass_operands(body, opcode)


def _pass_operands(body: Cursor, opcode: int) -> None:
    """Move past what follows an opcode (core specification, 5.4)."""
    if opcode in _PLAIN:
        return
    if opcode in _ONE_INDEX or opcode in _BLOCKS or opcode in _CONSTANTS:
        body.skip_number()
    elif opcode in _TWO_INDICES:
        _skip(body, 2)
    elif 0x28 <= opcode <= 0x3E:
        _pass_memory_argument(body)
    elif opcode == 0x0E:  # br_table
        _skip(body, body.number() + 1)
    elif opcode == 0x1C:  # select with types
        body.take(body.number())
    elif opcode == 0x43:
        body.take(4)
    elif opcode == 0x44:
        body.take(8)
    elif opcode == 0xFD:
        _pass_vector_operands(body)
    else:
        raise BinaryError(f"the instruction {opcode:#x} is not known here")


def _pass_vector_operands(body: Cursor) -> None:
    number = body.number()
    if number <= 11 or 92 <= number <= 93:  # loads and stores
        _pass_memory_argument(body)
    elif number in (12, 13):  # a constant, a shuffle
        body.take(16)
    elif 21 <= number <= 34:  # a lane
        body.byte()
    elif 84 <= number <= 91:  # loads and stores of a lane
        _pass_memory_argument(body)
        body.byte()


def _pass_memory_argument(body: Cursor) -> None:
    alignment = body.number()
    if alignment & 0x40:  # the index of a memory follows
        body.number()
    body.number()


def _skip(body: Cursor, numbers: int) -> None:
    for _ in range(numbers):
        body.skip_number()
