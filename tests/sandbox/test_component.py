"""A component becomes core modules, or is refused because it could not be restored."""

from __future__ import annotations

import pytest
from small_component import make_component
from wasmtime import Engine, Module, wat2wasm

from pymode.sandbox.binary import Section, read_exports, read_imports, read_sections
from pymode.sandbox.component import UnsoundComponent, take_apart
from pymode.sandbox.outline import HOST, Item


def test_the_modules_come_in_order_and_import_by_name_from_those_before() -> None:
    linked = take_apart(make_component())
    store, main = linked.parts
    assert linked.memory == Item(store.name, "memory")
    assert linked.allocate == Item(store.name, "allocate")
    assert linked.functions["run"].function == Item(main.name, "run")
    [imports] = [
        read_imports(content)
        for number, content in read_sections(main.content)
        if number == Section.IMPORT
    ]
    assert {(each.module, each.name) for each in imports} == {
        (store.name, "memory"),
        (HOST, "pymode:sandbox/host@1.0.0#start"),
        (HOST, "pymode:sandbox/host@1.0.0#print"),
        (HOST, "wasi:random/random@0.2.9#get-random-bytes"),
        (HOST, "wasi:cli/exit@0.2.9#exit"),
    }


def test_every_mutable_global_is_exported_and_the_modules_stay_valid() -> None:
    linked = take_apart(
        make_component(main="(global i32 (i32.const 1)) (global $f (mut f32) (f32.const 1))")
    )
    for part, count in zip(linked.parts, (1, 3), strict=True):
        Module(Engine(), part.content)
        [exports] = [
            read_exports(content)
            for number, content in read_sections(part.content)
            if number == Section.EXPORT
        ]
        assert len(part.globals) == count
        assert part.globals.keys() <= {each.name for each in exports}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("(table 1 funcref) (func (table.set 0 (i32.const 0) (ref.null func)))", "table.set"),
        (
            "(table 1 funcref) (func (drop (table.grow 0 (ref.null func) (i32.const 1))))",
            "table.grow",
        ),
        (
            "(table 1 funcref) (func (table.fill 0 (i32.const 0) (ref.null func) (i32.const 1)))",
            "table.fill",
        ),
        (
            "(table 1 funcref)(func (table.copy 0 0 (i32.const 0) (i32.const 0) (i32.const 1)))",
            "table.copy",
        ),
        (
            "(table 1 funcref) (elem func $deeper)"
            "(func (table.init 0 (i32.const 0) (i32.const 0) (i32.const 1)))",
            "table.init",
        ),
        ("(elem func $deeper) (func (elem.drop 0))", "elem.drop"),
        (
            '(data "a") (func (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 1)))',
            "memory.init",
        ),
        ('(data "a") (func (data.drop 0))', "data.drop"),
        ("(global (mut funcref) (ref.null func))", "no number"),
        ("(global (mut externref) (ref.null extern))", "no number"),
        ("(global (mut v128) (v128.const i64x2 0 0))", "no number"),
        ("(table 1 funcref) " * 17, "more than 16 tables"),
    ],
)
def test_what_could_not_be_undone_is_refused(code: str, reason: str) -> None:
    with pytest.raises(UnsoundComponent, match=reason):
        take_apart(make_component(main=code))


@pytest.mark.parametrize("content", [b"", b"\0asm", b"no component", bytes(wat2wasm("(module)"))])
def test_what_is_no_component_is_refused(content: bytes) -> None:
    with pytest.raises(UnsoundComponent):
        take_apart(content)


def test_a_component_that_is_cut_off_is_refused() -> None:
    whole = make_component()
    for end in range(8, len(whole) - 1, 97):
        with pytest.raises(UnsoundComponent):
            take_apart(whole[:end])
