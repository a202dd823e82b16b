"""Answers: always valid JSON, never over the budget, and as much of the value as fits."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from paths import SHARED_SPECS
from tokenizer import count

from pymode.answers.render import LEAST_TOKENS, render
from pymode.answers.tokens import count_tokens_bound

SHARED = SHARED_SPECS
LANGUAGES: dict[str, Any] = json.loads(
    Path(__file__).with_name("languages.json").read_text(encoding="utf-8")
)


def nest(depth: int, value: Any = 1) -> Any:
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def records(number: int) -> list[dict[str, Any]]:
    chance = random.Random(number)
    return [
        {
            "id": f"{chance.getrandbits(128):032x}",
            "name": f"example{index}.com",
            "status": "active",
            "owner": {"id": index, "email": f"user{index}@example.com"},
            "name_servers": ["ada.ns.example.com", "bob.ns.example.com"],
        }
        for index in range(number)
    ]


LARGE: dict[str, Any] = {
    "records": records(2000),
    "envelope": {"success": True, "errors": [], "result": records(500), "info": {"page": 1}},
    "one string": "lorem ipsum dolor sit amet " * 40_000,
    "one string in a list": [{"text": "lorem ipsum dolor sit amet " * 40_000}],
    "strings": ["lorem ipsum dolor sit amet " * 400] * 100,
    "100,000 keys": {f"key{index}": index for index in range(100_000)},
    "100,000 small records": [{"id": index} for index in range(100_000)],
    "numbers": list(range(300_000)),
    "matrix": [[list(range(50)) for _ in range(50)] for _ in range(40)],
    "tree": {
        str(a): {str(b): {str(c): {"x": [1, 2, 3]} for c in range(20)} for b in range(20)}
        for a in range(20)
    },
    "wide and deep": {f"k{n}": [{"v": list(range(10))} for _ in range(10)] for n in range(3000)},
    "long keys": {f"k{n}" * 3000: n for n in range(300)},
    "empty mappings": [{}] * 100_000,
    "nested 900 deep": nest(900),
    "many nested 900 deep": [nest(900) for _ in range(50)],
    "long numbers": [10**4000] * 100,
    "lone surrogates": ["\ud800" * 1000] * 100,
    "Chinese": "这是一个用于测试的中文句子" * 10_000,
    "nested by request": nest(20, records(300)),
}
# Of these little more than an outline can be shown.
SPARE = {"nested 900 deep", "many nested 900 deep", "long numbers"}


@pytest.mark.parametrize("max_tokens", [LEAST_TOKENS, 1000, 6000])
@pytest.mark.parametrize("kind", LARGE)
def test_a_large_value_is_cut_to_the_budget_and_uses_most_of_it(kind: str, max_tokens: int) -> None:
    text = render(LARGE[kind], max_tokens)
    assert count(text) <= max_tokens * 1.01
    assert count_tokens_bound(text) <= max_tokens
    text.encode()
    answer = json.loads(text)
    if isinstance(answer, dict) and "truncated" in answer:
        assert set(answer) == {"truncated", "value"}
        assert "Narrow it in the code" in answer["truncated"]
        if kind not in SPARE and max_tokens >= 1000:
            assert count_tokens_bound(text) >= max_tokens * 0.6


@pytest.mark.parametrize("max_tokens", [LEAST_TOKENS, 1000])
@pytest.mark.parametrize("kind", LARGE)
def test_the_name_of_what_was_kept_has_room_in_every_budget(kind: str, max_tokens: int) -> None:
    name = "r_mfzwizltoqxg4zlx"
    text = render(LARGE[kind], max_tokens, name)
    assert count_tokens_bound(text) <= max_tokens
    unnamed = render(LARGE[kind], max_tokens)
    if unnamed.startswith('{"truncated":'):
        assert f'The whole is results["{name}"] in the next call.' in json.loads(text)["truncated"]
    else:
        assert text == unnamed


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -1.5,
        "",
        "text",
        [],
        {},
        {"a": [1, {"b": None}]},
        "é…\u2028",
        'a"b\\',
        nest(50),
    ],
)
def test_what_fits_is_written_as_it_is(value: Any) -> None:
    text = render(value, 6000)
    assert json.loads(text) == value
    assert text == json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def test_what_fits_by_tokens_but_not_by_bytes_is_written_as_it_is() -> None:
    value = records(60)
    text = render(value, 6000)
    assert len(text) > 6000
    assert json.loads(text) == value


@pytest.mark.parametrize("max_tokens", [-5, 0, 1, 50])
@pytest.mark.parametrize("kind", ["envelope", "one string", "100,000 keys"])
def test_a_tiny_budget_counts_as_the_least(kind: str, max_tokens: int) -> None:
    assert render(LARGE[kind], max_tokens) == render(LARGE[kind], LEAST_TOKENS)


def test_a_cut_list_keeps_its_beginning_and_counts_the_rest() -> None:
    answer = json.loads(render(LARGE["records"], 2000))
    *kept, marker = answer["value"]
    assert kept == LARGE["records"][: len(kept)]
    assert marker == f"… {2000 - len(kept):,} more items"
    assert f"kept {len(kept)} of 2,000 items of $" in answer["truncated"]


def test_a_list_inside_an_envelope_is_named() -> None:
    answer = json.loads(render(LARGE["envelope"], 1500))
    assert answer["value"]["success"] is True
    assert answer["value"]["info"] == {"page": 1}
    kept = len(answer["value"]["result"]) - 1
    assert f"{kept} of 500 items of $.result" in answer["truncated"]


def test_a_cut_mapping_keeps_its_first_keys_and_counts_the_rest() -> None:
    value = json.loads(render(LARGE["100,000 keys"], 500))["value"]
    marker = value.pop("…")
    assert list(value) == list(LARGE["100,000 keys"])[: len(value)]
    assert marker == f"{100_000 - len(value):,} more keys"


def test_a_cut_string_keeps_its_beginning_and_counts_the_rest() -> None:
    value = json.loads(render(LARGE["one string"], 500))["value"]
    kept, _, rest = value.rpartition("… (+")
    assert LARGE["one string"].startswith(kept)
    assert rest == f"{len(LARGE['one string']) - len(kept):,} chars)"


def test_long_records_are_shown_in_part_rather_than_few_in_whole() -> None:
    """Names and ids stay whole; what is deep becomes a count."""
    long = [
        {"id": index, "name": f"rule {index}", "expression": "http.host eq " * 500,
         "nested": {"list": list(range(500))}}
        for index in range(30)
    ]  # fmt: skip
    *kept, _ = json.loads(render(long, 2000))["value"]
    assert len(kept) >= 15
    assert [record["name"] for record in kept] == [f"rule {n}" for n in range(len(kept))]
    assert all("chars)" in record["expression"] for record in kept)


def test_small_neighbours_of_a_large_value_stay_whole() -> None:
    value = {"count": 3, "big": LARGE["records"], "names": ["a", "b"], "note": "kept as it is"}
    shown = json.loads(render(value, 1000))["value"]
    assert (shown["count"], shown["names"], shown["note"]) == (3, ["a", "b"], "kept as it is")
    assert len(shown["big"]) > 5


def test_what_has_no_room_is_counted() -> None:
    text = render({f"group {n}": records(10) for n in range(30)}, 400)
    assert '"[10 items]"' in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_large_language_gets_its_budget(language: str) -> None:
    rows = [{"id": index, **LANGUAGES[language]["records"][index % 3]} for index in range(500)]
    for value in (rows, LANGUAGES[language]["prose"] * 100):
        text = render(value, 3000)
        assert 0.75 * 3000 <= count(text) <= 3000


@pytest.mark.parametrize("text", ['\\"', "\n", "\x00", '"', "\u2028\t", "\\u0041"])
def test_a_string_is_never_cut_inside_an_escape(text: str) -> None:
    for max_tokens in range(100, 140):
        value = json.loads(render(text * 20_000, max_tokens))["value"]
        kept = value.partition("… (+")[0]
        assert kept.startswith("(") or (text * 20_000).startswith(kept)


def test_not_a_number_becomes_null() -> None:
    assert render([float("nan"), float("inf"), 1.5], 6000) == "[null,null,1.5]"
    text = render([float("nan")] * 100_000, 500)
    assert json.loads(text)["value"][0] is None
    assert "NaN" not in text


def test_lone_surrogates_become_the_replacement_character() -> None:
    assert json.loads(render({"a\udc80": "\ud83d"}, 6000)) == {"a\ufffd": "\ufffd"}


def test_random_values_are_always_valid_json_within_the_budget() -> None:
    chance = random.Random(3)

    def draw(depth: int) -> Any:
        kind = chance.randrange(8 if depth else 5)
        if kind == 0:
            return chance.choice([None, True, False])
        if kind == 1:
            return chance.choice([chance.randrange(10**9), chance.random(), 10**300])
        if kind < 5:
            codes = chance.choice([(32, 127), (32, 0x3000), (0, 0x10FFFF), (97, 123)])
            length = int(chance.paretovariate(0.7)) % 3000
            return "".join(chr(chance.randrange(*codes)) for _ in range(length))
        size = int(chance.paretovariate(0.6)) % 200
        if kind == 5:
            return {str(draw(0))[:200]: draw(depth - 1) for _ in range(size)}
        return [draw(depth - 1) for _ in range(size)]

    for _ in range(100):
        max_tokens = chance.choice([1, 100, 150, 400, 2000])
        text = render(draw(4), max_tokens)
        json.loads(text.encode())
        assert count(text) <= max(max_tokens, LEAST_TOKENS) * 1.03


def test_a_whole_real_document_is_outlined() -> None:
    if not SHARED.is_dir():
        pytest.skip("the shared documents are not on this machine")
    document = json.loads((SHARED / "cloudflare-2024-08.json").read_text())
    text = render(document, 6000)
    assert 3600 <= count(text) <= 6000
    assert set(json.loads(text)["value"]) == set(document)
