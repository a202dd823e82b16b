"""What must not be in a module whose instances are restored."""

from __future__ import annotations

import pytest
from wasmtime import wat2wasm

from pymode.sandbox.binary import BinaryError, Cursor, Section, read_sections
from pymode.sandbox.instructions import find_changes

CHANGES = {
    "table.set": "(table.set 0 (i32.const 0) (ref.null func))",
    "table.grow": "(drop (table.grow 0 (ref.null func) (i32.const 1)))",
    "table.fill": "(table.fill 0 (i32.const 0) (ref.null func) (i32.const 1))",
    "table.copy": "(table.copy 0 0 (i32.const 0) (i32.const 1) (i32.const 1))",
    "table.init": "(table.init 0 (i32.const 0) (i32.const 0) (i32.const 1))",
    "elem.drop": "(elem.drop 0)",
    "memory.init": "(memory.init 0 (i32.const 0) (i32.const 0) (i32.const 1))",
    "data.drop": "(data.drop 0)",
}


def find(body: str) -> list[tuple[int, str]]:
    module = wat2wasm(
        f"""(module (table 4 funcref) (memory 1) (elem func 0) (data "abc")
        (func (nop)) (func {body}))"""
    )
    [code] = [content for number, content in read_sections(module) if number == Section.CODE]
    return list(find_changes(code))


@pytest.mark.parametrize("instruction", CHANGES)
def test_an_instruction_that_changes_a_table_or_drops_a_segment_is_found(instruction: str) -> None:
    assert find(CHANGES[instruction]) == [(1, instruction)]


@pytest.mark.parametrize(
    "body",
    [
        "(drop (i32.const 0x7fc))",
        "(drop (i64.const 0x0efc))",
        "(drop (f64.const 0x1.00efc08fc09fcp3))",
        "(memory.copy (i32.const 0) (i32.const 1) (i32.const 1))",
        "(memory.fill (i32.const 0) (i32.const 1) (i32.const 1))",
        "(drop (table.size 0))",
        "(drop (table.get 0 (i32.const 1)))",
        "(drop (i32.trunc_sat_f64_s (f64.const 1)))",
        "(drop (v128.const i32x4 0x0e fc 0x26 0x00))".replace(" fc ", " 0xfc "),
        "(block (br_table 0 0 0 (i32.const 38)) (drop (i32.load8_u offset=38 (i32.const 0))))",
        "(drop (select (result i32) (i32.const 38) (i32.const 0x26) (i32.const 0)))",
    ],
)
def test_what_only_looks_like_one_is_not(body: str) -> None:
    """Each body is decoded: the bytes `26 00` are in a constant of it."""
    assert find(f"{body} (drop (i32.const 0x26)) unreachable") == []


def test_a_number_in_more_bytes_than_it_needs_hides_nothing() -> None:
    """`table.copy` is fc 0e; fc 8e 80 00 is the same."""
    code = bytes.fromhex("01 0f 00 41 00 41 01 41 01 fc 8e 80 00 00 00 0b".replace(" ", ""))
    code = code[:1] + bytes([len(code) - 2]) + code[2:]
    assert list(find_changes(Cursor(code))) == [(0, "table.copy")]


def test_an_unknown_instruction_is_refused_where_a_function_must_be_decoded() -> None:
    body = bytes.fromhex("00 fe 00 00 26 00 0b".replace(" ", ""))
    code = bytes([1, len(body)]) + body
    with pytest.raises(BinaryError, match="not known"):
        list(find_changes(Cursor(code)))


def test_a_code_section_that_is_cut_off_is_refused() -> None:
    with pytest.raises(BinaryError):
        list(find_changes(Cursor(b"\x02\x05\x00")))
