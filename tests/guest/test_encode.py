"""Results as JSON: what is written how, what is refused, and where it stops."""

import datetime
import enum
import ipaddress
import json
import math
import re
import types
import uuid
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

import pytest

from guest.encode import ResultTooLarge, Unencodable, encode

SIZE = 100_000


def text_of(value, pointers=None):
    encoded = encode(value, SIZE, pointers or {})
    assert encoded.notes == ()
    return encoded.text


def refusal_of(value):
    with pytest.raises(Unencodable) as caught:
        encode(value, SIZE, {})
    return str(caught.value)


@dataclass
class Record:
    name: str
    parts: list = field(default_factory=list)


class Slotted:
    pass


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -1.5,
        1e300,
        2**64,
        "",
        'é "quoted" \\ \n \u2028 😀',
        [],
        {},
        [[], {}, [None, {"a": [1, 2.5, "x", False]}]],
        {"": {"a b": 1}},
    ],
)
def test_json_values_are_written_as_they_are(value):
    text = text_of(value)
    assert json.loads(text) == value
    assert text == json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # The slower way, which a set forces, writes the same.
    assert text_of([value, set()]) == f"[{text},[]]"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Record("a", [Record("b")]), {"name": "a", "parts": [{"name": "b", "parts": []}]}),
        (Point(1, 2), {"x": 1, "y": 2}),
        ((1, (2,)), [1, [2]]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset("ba"), ["a", "b"]),
        ({("b", 10), ("b", 9)}, [["b", 9], ["b", 10]]),
        ({"b", 2, None, "a"}, ["a", "b", 2, None]),
        ({frozenset({2, 1}), frozenset({3})}, [[1, 2], [3]]),
        (deque([1]), [1]),
        (range(3), [0, 1, 2]),
        (map(str, [1, 2]), ["1", "2"]),
        ((n * n for n in range(3)), [0, 1, 4]),
        ({"b": 1, "a": 2}.keys(), ["b", "a"]),
        ({"b": 1}.values(), [1]),
        ({"b": 1}.items(), [["b", 1]]),
        (Counter("aab"), {"a": 2, "b": 1}),
        (defaultdict(list, a=[1]), {"a": [1]}),
        (OrderedDict(a=1), {"a": 1}),
        (ChainMap({"a": 1}), {"a": 1}),
        (types.SimpleNamespace(a=1), {"a": 1}),
        (datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC), "2026-01-02T03:00:00+00:00"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.time(3, 4), "03:04:00"),
        (datetime.timedelta(minutes=2), 120),
        (datetime.timedelta(milliseconds=1500), 1.5),
        (b"\x00\xff", {"$bytes": "AP8="}),
        (bytearray(b"a"), {"$bytes": "YQ=="}),
        (Decimal("1.10"), 1.1),
        (Decimal(5), 5),
        (Decimal("1E+400"), "1E+400"),
        (Decimal("0.1234567890123456789"), "0.1234567890123456789"),
        (Fraction(1, 3), "1/3"),
        (Colour.RED, "red"),
        (Level.LOW, 1),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (ipaddress.ip_address("10.0.0.1"), "10.0.0.1"),
        (ipaddress.ip_network("10.0.0.0/8"), "10.0.0.0/8"),
        (ValueError("no such zone"), "ValueError: no such zone"),
        (KeyError(), "KeyError"),
    ],
)
def test_what_programs_return_has_a_json_form(value, written):
    assert json.loads(text_of({"value": value})) == {"value": written}


def test_keys_become_strings_as_in_json():
    assert text_of({1: "c", 1.5: "b", None: "d"}) == '{"1":"c","1.5":"b","null":"d"}'
    assert text_of({True: 0, Colour.RED: 1}) == '{"true":0,"red":1}'


def test_other_sane_keys_become_strings_with_a_note():
    encoded = encode({"x": {datetime.date(2026, 1, 2): 1, ("a", 1): 2}}, SIZE, {})
    assert json.loads(encoded.text) == {"x": {"2026-01-02": 1, "('a', 1)": 2}}
    assert encoded.notes == (
        "keys of the type date became strings: at $.x",
        "keys of the type tuple became strings: at $.x",
    )


def test_keys_that_collide_keep_the_last_and_say_so():
    encoded = encode({1: "a", "1": "b"}, SIZE, {})
    assert encoded.text == '{"1":"b"}'
    assert encoded.notes == ('two keys are both "1" as strings and the last one was kept: at $',)


def test_nan_and_infinity_become_null_with_one_note():
    encoded = encode({"a": [1.0, math.nan, -math.inf, Decimal("NaN")]}, SIZE, {})
    assert encoded.text == '{"a":[1.0,null,null,null]}'
    assert encoded.notes == (
        "NaN and Infinity are not JSON and became null: 3 of them, first at $.a[1]",
    )


@pytest.mark.parametrize("value", ["a\ud800", {"\udc00": 1}, [{"\ud83d"}]])
def test_half_a_surrogate_pair_is_replaced_with_a_note(value):
    encoded = encode(value, SIZE, {})
    assert "\ufffd" in encoded.text.encode().decode()
    assert len(encoded.notes) == 1


def test_two_halves_of_a_surrogate_pair_become_one_character():
    assert json.loads(encode("\ud83d\ude00", SIZE, {}).text) == "😀"


def test_an_object_is_refused_with_its_place():
    message = refusal_of({"result": [0, {"owner name": {"id": Slotted()}}]})
    assert message == (
        '$.result[1]["owner name"].id: a Slotted object cannot be returned; '
        "return its fields as a dict"
    )


async def coroutine():
    return 1


async def collect():
    yield 1


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (len, "the function len cannot be returned; call it: len(…)"),
        (coroutine, "the function coroutine cannot be returned; call it: coroutine(…)"),
        (collect(), "[x async for x in it]"),
        (Record, "the class Record cannot be returned"),
        (math, "the module math cannot be returned"),
        (re.match("a", "a"), "match.group()"),
        (1j, "a complex object cannot be returned"),
        pytest.param(10**5000, "more than 4,300 digits", id="huge"),
        ({Slotted(): 1}, "a Slotted cannot be a key; use a string"),
        ({b"k": 1}, "a bytes cannot be a key; use a string"),
    ],
)
def test_a_refusal_says_what_to_return_instead(value, advice):
    message = refusal_of([value])
    assert message.startswith("$[0]")
    assert advice in message


def test_a_forgotten_await_is_named():
    value = coroutine()
    assert "a coroutine cannot be returned; put `await` before" in refusal_of({"a": value})
    value.close()


def test_what_contains_itself_is_refused():
    value = {"a": [1]}
    value["a"].append(value)
    assert refusal_of(value) == "$.a[1]: the dict contains itself; return a copy without that"


def test_a_wide_cycle_is_refused_too():
    value = [1]
    value += [value] * 10
    assert "contains itself" in refusal_of(value)


@pytest.mark.parametrize(
    "wrap",
    [lambda x: [x], lambda x: {"k": x}, lambda x: (x, 1j), lambda x: {1: x}, lambda x: Record(x)],
    ids=["list", "dict", "tuple", "int-key", "dataclass"],
)
@pytest.mark.parametrize("levels", [201, 5000])
def test_deep_values_are_refused_and_do_not_crash(wrap, levels):
    value = "bottom"
    for _ in range(levels):
        value = wrap(value)
    assert "nested deeper than 200 levels" in refusal_of(value)


def test_deep_sets_are_refused_and_do_not_crash():
    value = frozenset()
    for _ in range(250):
        value = frozenset([(value,)])
    assert "nested deeper than 200 levels" in refusal_of(value)


def test_two_hundred_levels_are_allowed():
    value = []
    for _ in range(199):
        value = [value]
    assert text_of(value) == "[" * 200 + "]" * 200


def test_an_object_that_is_used_twice_is_written_twice():
    shared = {"type": "string"}
    assert text_of([shared, [shared]]) == '[{"type":"string"},[{"type":"string"}]]'


def test_a_recursive_schema_closes_with_its_pointer():
    tree = {"type": "object"}
    tree["children"] = {"items": tree}
    pointers = {id(tree): "#/components/schemas/Tree"}
    closed = {"$ref": "#/components/schemas/Tree"}
    written = {"type": "object", "children": {"items": closed}}
    assert json.loads(text_of([tree, tree], pointers)) == [written, written]
    # Entered in its middle, it closes at its name as well.
    assert json.loads(text_of(tree["children"], pointers)) == {
        "items": {"type": "object", "children": {"items": closed}}
    }


def test_the_size_is_that_of_the_utf_8_text():
    assert encode("é" * 10, 22, {}).text == '"' + "é" * 10 + '"'
    with pytest.raises(ResultTooLarge):
        encode("é" * 10, 21, {})


def test_a_large_result_is_refused_with_advice():
    with pytest.raises(ResultTooLarge) as caught:
        encode(["x" * 100] * 50_000, 4_194_304, {})
    assert str(caught.value) == (
        "the result is larger than 4,194,304 bytes of JSON; return fewer fields, filter or "
        "aggregate in the code"
    )


def endless():
    while True:
        yield 1


def doubled(depth):
    value = []
    for _ in range(depth):
        value = [value, value]
    return value


@pytest.mark.parametrize(
    "make",
    [
        endless,
        lambda: doubled(100),
        lambda: {1: doubled(100)},
        lambda: {(1, 2): doubled(100)},
        lambda: bytes(10_000_000),
        lambda: [[0] * 1_000_000] * 1_000_000,
        lambda: range(10**12),
    ],
    ids=["endless", "doubled", "int-key", "tuple-key", "bytes", "square", "range"],
)
def test_what_explodes_as_text_stops_at_the_limit(make):
    with pytest.raises(ResultTooLarge):
        encode(make(), SIZE, {})


def test_an_exception_of_a_generator_in_the_result_is_the_codes_own():
    with pytest.raises(ZeroDivisionError):
        encode((1 // n for n in range(1)), SIZE, {})
