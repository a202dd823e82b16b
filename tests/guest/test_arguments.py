"""Arguments are checked against a JSON Schema: clear words, and nothing valid is ever refused."""

import random

import jsonschema
import pytest

from guest.arguments import find_problems

QUERY = {
    "type": "object",
    "properties": {
        "sql": {"type": "string", "minLength": 1},
        "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
        "order": {"enum": ["asc", "desc"]},
        "at": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        "row": {"$ref": "#/$defs/Row"},
    },
    "required": ["sql"],
    "additionalProperties": False,
    "$defs": {
        "Row": {
            "type": "object",
            "properties": {"id": {"type": "integer"}, "parent": {"$ref": "#/$defs/Row"}},
            "required": ["id"],
        }
    },
}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({}, "missing sql"),
        ({"sql": 1}, "sql must be string, not 1"),
        ({"sql": ""}, "sql must have at least 1 characters, not 0"),
        ({"sql": "x", "limit": 0}, "limit must be at least 1, not 0"),
        ({"sql": "x", "limit": 1001}, "limit must be at most 1000, not 1001"),
        ({"sql": "x", "limit": True}, "limit must be integer, not True"),
        ({"sql": "x", "limit": 1.5}, "limit must be integer, not 1.5"),
        ({"sql": "x", "order": "up"}, "order must be one of ['asc', 'desc'], not 'up'"),
        ({"sql": "x", "at": 3}, "at must be string, not 3"),
        ({"sql": "x", "tags": ["a", 1]}, "tags[1] must be string, not 1"),
        ({"sql": "x", "tags": ["a", "b", "c"]}, "tags must have at most 2 items, not 3"),
        ({"sql": "x", "limmit": 3}, "unknown limmit (did you mean limit?)"),
        ({"sql": "x", "row": {}}, "missing row.id"),
        ({"sql": "x", "row": {"id": 1, "parent": {"id": "a"}}}, "row.parent.id must be integer"),
    ],
)
def test_a_problem_names_the_place_and_what_is_right(arguments, problem):
    [found] = find_problems(arguments, QUERY)
    assert found.startswith(problem)


@pytest.mark.parametrize(
    "arguments",
    [
        {"sql": "x"},
        {"sql": "x", "limit": 1000, "order": "asc", "at": None, "tags": []},
        {"sql": "x", "limit": 3.0},
        {"sql": "x", "row": {"id": 1, "parent": {"id": 2}, "more": True}},
    ],
)
def test_what_fits_has_no_problem(arguments):
    assert find_problems(arguments, QUERY) == []


@pytest.mark.parametrize(
    "schema",
    [
        None,
        True,
        [],
        {"type": "no such type"},
        {"type": ["string", 4]},
        {"properties": [], "required": 3},
        {"properties": {"a": {"$ref": "#/nowhere"}}},
        {"properties": {"a": {"$ref": "https://elsewhere/schema"}}},
        {"properties": {"a": {"enum": "x", "anyOf": 3, "minLength": "1", "items": 4}}},
        {"$ref": "#"},
    ],
)
def test_a_schema_that_is_none_refuses_nothing(schema):
    """Schemas come from other servers, which may write anything."""
    assert find_problems({"a": "x"}, schema) == []


def test_bytes_are_text_that_is_binary():
    schema = {"properties": {"a": {"type": "string", "format": "binary"}}}
    assert find_problems({"a": {"$bytes": "eA=="}}, schema) == []


def make_schema(chance: random.Random, depth: int = 0) -> dict:
    kind = chance.choice(["string", "integer", "number", "boolean", "null", "array", "object"])
    if depth < 3 and chance.random() < 0.2:
        keyword = chance.choice(["anyOf", "oneOf", "allOf"])
        return {keyword: [make_schema(chance, depth + 1) for _ in range(2)]}
    schema: dict = {"type": kind}
    if kind in ("integer", "number") and chance.random() < 0.5:
        schema[chance.choice(["minimum", "maximum", "exclusiveMinimum"])] = chance.randint(-2, 2)
    if kind == "string" and chance.random() < 0.5:
        schema |= chance.choice([{"minLength": 1}, {"maxLength": 1}, {"enum": ["a", "b"]}])
    if kind == "array" and depth < 3:
        schema["items"] = make_schema(chance, depth + 1)
    if kind == "object" and depth < 3:
        schema["properties"] = {name: make_schema(chance, depth + 1) for name in "ab"}
        schema["required"] = chance.sample(["a", "b"], chance.randint(0, 2))
        schema["additionalProperties"] = chance.choice([True, False])
    return schema


def make_value(chance: random.Random, depth: int = 0) -> object:
    kind = chance.randrange(8 if depth < 3 else 6)
    plain = [
        None,
        True,
        chance.randint(-3, 3),
        chance.random(),
        chance.choice(["", "a", "bb"]),
        2.0,
    ]
    if kind < 6:
        return plain[kind]
    if kind == 6:
        return [make_value(chance, depth + 1) for _ in range(chance.randrange(3))]
    return {name: make_value(chance, depth + 1) for name in chance.sample("abc", 2)}


def test_nothing_that_the_standard_allows_is_refused_and_little_else_passes():
    """Against the reference implementation, over schemas and values of a fixed seed."""
    chance = random.Random(5)
    refused = passed = 0
    for _ in range(4000):
        schema = {"type": "object", "properties": {"x": make_schema(chance)}}
        arguments = {"x": make_value(chance)}
        is_valid = jsonschema.Draft202012Validator(schema).is_valid(arguments)
        problems = find_problems(arguments, schema)
        assert not (is_valid and problems), (schema, arguments, problems)
        refused += not is_valid and bool(problems)
        passed += not is_valid and not problems
    # What passes is oneOf with two choices that both fit.
    assert refused > 1000
    assert passed < refused / 20
