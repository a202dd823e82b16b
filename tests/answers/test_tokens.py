"""The estimate of tokens against the tokenizer itself."""

import base64
import json
import random
import string
import unicodedata
from collections.abc import Callable
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from paths import SHARED_SPECS
from tokenizer import count

from pymode.answers import tokens
from pymode.answers.build_vocabulary import read_entries
from pymode.answers.tokens import count_tokens_bound, fitting_chars

SHARED = SHARED_SPECS
CHANCE = random.Random(11)


def dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def draw(alphabet: str, length: int) -> str:
    return "".join(CHANCE.choices(alphabet, k=length))


def draw_range(first: int, last: int, length: int = 4000) -> str:
    return "".join(chr(CHANCE.randrange(first, last)) for _ in range(length))


def operations() -> list[dict[str, Any]]:
    paths = json.loads((SHARED / "cloudflare-2024-08.json").read_text())["paths"]
    return [
        {"method": method, "path": path, **operation}
        for path, item in paths.items()
        for method, operation in item.items()
        if isinstance(operation, dict)
    ]


def zones() -> list[dict[str, Any]]:
    return [
        {
            "id": draw("0123456789abcdef", 32),
            "name": f"{CHANCE.choice(['shop', 'blog', 'test'])}{index}.example.com",
            "status": "active",
            "paused": False,
            "name_servers": ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"],
            "modified_on": f"2026-11-{index % 28 + 1:02}T12:{index % 60:02}:33.123456Z",
            "plan": {"price": 0, "currency": "USD"},
            "ttl": 300 + index,
        }
        for index in range(100)
    ]


SELECTIONS: dict[str, Callable[[list[dict[str, Any]]], object]] = {
    "method, path, summary": lambda found: [
        {key: operation.get(key) for key in ("method", "path", "summary")} for operation in found
    ],
    "whole operations": lambda found: found[400:500],
    "paths": lambda found: [operation["path"] for operation in found],
    "descriptions": lambda found: [operation.get("description") for operation in found],
    "parameters": lambda found: [operation.get("parameters") for operation in found[:300]],
    "tags": lambda found: sorted({tag for operation in found for tag in operation.get("tags", [])}),
}


@pytest.mark.parametrize("selection", SELECTIONS)
def test_json_of_a_real_api_is_counted_within_a_quarter(selection: str) -> None:
    if not SHARED.is_dir():
        pytest.skip("the shared documents are not on this machine")
    text = dump(SELECTIONS[selection](operations()))
    assert count(text) <= count_tokens_bound(text) <= count(text) * 1.25


def test_a_list_of_zones_is_counted_within_a_quarter() -> None:
    text = dump(zones())
    assert count(text) <= count_tokens_bound(text) <= count(text) * 1.25


LANGUAGES: dict[str, Any] = json.loads(
    Path(__file__).with_name("languages.json").read_text(encoding="utf-8")
)
FORMS: dict[str, Callable[[dict[str, Any]], str]] = {
    "prose": lambda texts: str(texts["prose"]),
    "JSON": lambda texts: dump(texts["records"]),
    "indented JSON": lambda texts: json.dumps(texts, ensure_ascii=False, indent=2),
    "escaped JSON": json.dumps,
    "answer of an API": lambda texts: dump(
        [zone | record for zone, record in zip(zones(), texts["records"] * 10, strict=False)]
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_text_in_a_large_language_is_counted_within_a_quarter(language: str, form: str) -> None:
    text = FORMS[form](LANGUAGES[language])
    assert count(text) * 0.97 <= count_tokens_bound(text) <= count(text) * 1.25


CODE = {
    "Python": Path(tokens.__file__).read_text(encoding="utf-8"),
    "indented Python": "class A:\n" + indent(Path(__file__).read_text(encoding="utf-8"), " " * 8),
    "JavaScript": """\
export async function load(items) {
  const shown = [];
  for (const item of items) {
    if (!item.name) continue;
    shown.push({ ...item, label: `${item.name} (${item.id})` });
  }
  return shown.sort((a, b) => a.label.localeCompare(b.label));
}
""",
    "Rust": """\
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    for (index, word) in words.iter().enumerate() {
        println!("{index}: {}", word.to_uppercase());
    }
    Ok(())
}
""",
    "SQL": """\
SELECT c.id, c.name, SUM(l.amount) AS total
FROM customers c LEFT JOIN orders o ON o.customer_id = c.id
JOIN order_lines l ON l.order_id = o.id AND o.created_at >= '2026-01-01'
GROUP BY c.id, c.name HAVING SUM(l.amount) > 100 ORDER BY total DESC LIMIT 50;
""",
    "HTML": """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Orders</title></head>
<body><table class="orders"><tr><th>Name</th><td style="text-align: right">12.50</td></tr></table>
<a href="https://example.com/orders?page=2&amp;per_page=50">next page</a></body></html>
""",
}


@pytest.mark.parametrize("language", CODE)
def test_code_is_counted_within_a_quarter(language: str) -> None:
    text = CODE[language]
    assert count(text) * 0.97 <= count_tokens_bound(text) <= count(text) * 1.25


def test_the_vocabulary_is_that_of_the_tokenizer() -> None:
    assert tokens._vocabulary() == frozenset(read_entries())


ADVERSE = {
    "hex": draw("0123456789abcdef", 9000),
    "upper hex": draw("0123456789ABCDEF", 9000),
    "base64": base64.b64encode(CHANCE.randbytes(6000)).decode(),
    "url-safe base64 lines": dump(
        [base64.urlsafe_b64encode(CHANCE.randbytes(40)).decode() for _ in range(200)]
    ),
    "digits": draw(string.digits, 9000),
    "floats": dump([CHANCE.random() for _ in range(500)]),
    "lower case": draw(string.ascii_lowercase, 9000),
    "upper case": draw(string.ascii_uppercase, 9000),
    "mixed case": draw(string.ascii_letters, 9000),
    "letters and digits": draw(string.ascii_letters + string.digits, 9000),
    "short words": dump([draw(string.ascii_lowercase, 3 + n % 7) for n in range(2000)]),
    "syllables": dump(
        ["".join(draw("bcdfghklmnprstvz", 1) + draw("aeiou", 1) for _ in range(1 + n % 4))
         for n in range(2000)]
    ),
    "printable": dump(draw(string.printable, 9000)),
    "punctuation": draw(string.punctuation, 9000),
    "brackets": "[" * 2000 + "{" * 2000 + '"' * 2000 + "]" * 2000,
    "control characters": dump(draw("".join(map(chr, range(32))), 5000)),
    "spaces": dump(" " * 5000),
    "line breaks": dump("\n" * 2000 + "\r\n" * 2000),
    "blanks": dump(draw(" \n\t", 5000)),
    "four letters": draw("ACGT", 9000),
    "Latin 1": draw_range(0xA1, 0x100),
    "accents": draw_range(0x20, 0x250),
    "combining marks": "".join("a" + chr(CHANCE.randrange(0x300, 0x370)) for _ in range(4000)),
    "Greek": draw_range(0x391, 0x3CA),
    "Cyrillic": draw_range(0x410, 0x450),
    "Hebrew": draw_range(0x5D0, 0x5EB),
    "Arabic": draw_range(0x621, 0x64B),
    "Devanagari": draw_range(0x905, 0x93A),
    "Thai": draw_range(0xE01, 0xE3B),
    "kana": draw_range(0x3041, 0x30FF),
    "Han": draw_range(0x4E00, 0xA000),
    "Hangul": draw_range(0xAC00, 0xD7A4),
    "emoji": draw_range(0x1F300, 0x1FAFF),
    "signs": draw_range(0x2000, 0x2C00),
    "any character below surrogates": draw_range(0x20, 0xD800),
    "astral": draw_range(0x10000, 0x110000),
    "private use": draw_range(0xE000, 0xF900),
    "Chinese": "这是一个用于测试的中文句子说明如何使用接口。" * 50,
    "Russian": "Привет, это пример русского текста " * 50,
    "brackets and numbers": dump([[n, [n]] for n in range(1000)]),
}  # fmt: skip


@pytest.mark.parametrize("kind", ADVERSE)
def test_odd_text_is_never_counted_noticeably_short(kind: str) -> None:
    text = ADVERSE[kind]
    assert count_tokens_bound(text) >= count(text) * 0.97


def test_mixtures_of_odd_text_are_never_counted_noticeably_short() -> None:
    alphabets = list(ADVERSE.values())
    for _ in range(150):
        parts = (draw(CHANCE.choice(alphabets), CHANCE.randrange(1, 60)) for _ in range(40))
        text = CHANCE.choice(["", " ", '","', "/", "_"]).join(parts)
        assert count_tokens_bound(text) >= count(text) * 0.97


@pytest.mark.parametrize("script", ["LATIN", "CYRILLIC", "GREEK", "ARABIC", "HIRAGANA", "ETHIOPIC"])
def test_each_character_of_a_script_is_paid_for(script: str) -> None:
    """All letters of a script in a row, which no text has, are still not undercounted."""
    text = "".join(
        chr(code)
        for code in range(0x80, 0x3100)
        if unicodedata.name(chr(code), "").startswith(script)
    )
    assert count_tokens_bound(text) >= count(text) * 0.97


def test_nothing_costs_nothing() -> None:
    assert count_tokens_bound("") == 0


def test_counting_stops_when_there_is_enough() -> None:
    text = "word " * 1_000_000
    assert 100 < count_tokens_bound(text, enough=100) < 100_000


PROSE = {language: texts["prose"] * 20 for language, texts in LANGUAGES.items()}


@pytest.mark.parametrize("kind", PROSE | ADVERSE)
def test_the_beginning_that_fits_a_budget_nearly_fills_it(kind: str) -> None:
    text = (PROSE | ADVERSE)[kind] * 2
    chars = fitting_chars(text, 500)
    assert count_tokens_bound(text[:chars]) <= 500
    assert count_tokens_bound(text[: chars + 48]) >= 0.95 * min(500, count_tokens_bound(text))


def test_a_word_is_not_cut() -> None:
    text = "the quick brown fox " * 1000
    assert text[fitting_chars(text, 101)] == " "


def test_a_text_that_fits_is_not_cut() -> None:
    assert fitting_chars("a few words", 100) == len("a few words")
    assert fitting_chars("a few words", 0) == 0


def test_without_a_vocabulary_ordinary_text_is_not_estimated_too_low(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On a machine for which the tokenizer has no build, pymode still keeps its budgets."""
    monkeypatch.setattr(tokens, "VOCABULARY", tmp_path / "missing")
    tokens._vocabulary.cache_clear()
    tokens._cost_cached.cache_clear()
    try:
        for text in PROSE.values():
            assert count_tokens_bound(text) >= 0.95 * count(text)
    finally:
        tokens._vocabulary.cache_clear()
        tokens._cost_cached.cache_clear()
