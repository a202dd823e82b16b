"""A JSON Schema becomes a Python signature; one that is nonsense still becomes some."""

import pytest

from pymode.tools.signature import signature, write_type


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        ({"type": "string"}, "str"),
        ({"type": "array", "items": {"type": "integer"}}, "list[int]"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "dict[str, float]"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "str | None"),
        ({"type": ["integer", "null"]}, "int | None"),
        ({"enum": ["a", "b"]}, "Literal['a', 'b']"),
        ({"const": 3}, "Literal[3]"),
        ({"$ref": "#/$defs/Row"}, "Row"),
        ({"type": "string", "format": "binary"}, "bytes"),
        ({}, "Any"),
        (None, "Any"),
        ({"type": 3}, "Any"),
        ({"type": "nonsense"}, "Any"),
        ({"anyOf": []}, "Any"),
    ],
)
def test_a_schema_becomes_a_type(schema: object, written: str) -> None:
    assert write_type(schema) == written


def test_required_parameters_come_first() -> None:
    schema = {
        "properties": {"a": {"type": "integer", "default": 1}, "b": {"type": "string"}, "c": {}},
        "required": ["b"],
    }
    assert (
        signature("f", schema, {"type": "null"}) == "f(b: str, a: int = 1, c: Any = None) -> None"
    )


@pytest.mark.parametrize("schema", [{}, {"properties": 3}, {"properties": {"a": 1}, "required": 2}])
def test_nonsense_becomes_a_signature_all_the_same(schema: dict[str, object]) -> None:
    assert signature("f", schema, None).startswith("f(")


def test_a_recursive_or_endless_schema_ends() -> None:
    deep: dict[str, object] = {"type": "string"}
    for _ in range(100):
        deep = {"type": "array", "items": deep}
    assert len(write_type(deep)) < 100
    many = {"properties": {f"parameter_{n}": {"type": "string"} for n in range(500)}}
    assert len(signature("f", many, None)) < 1100
