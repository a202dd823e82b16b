"""Counting tokens."""

from __future__ import annotations

import pytest

from benchmarks import counting


@pytest.mark.parametrize("encoding", counting.ENCODINGS)
def test_a_known_text_has_its_known_tokens(encoding: str) -> None:
    assert counting.count("hello world", encoding) == 2
    assert counting.count("", encoding) == 0


def test_special_tokens_are_counted_as_text() -> None:
    assert counting.count("<|endoftext|>") > 1


def test_a_text_longer_than_the_tokenizer_takes_is_counted_in_parts() -> None:
    text = "hello world\n" * 20_000
    assert len(text) > 2 * counting.PART_CHARS
    part = text[: counting.PART_CHARS // 12 * 12]
    assert counting.count(text) == pytest.approx(counting.count(part) * len(text) / len(part), 0.01)


def test_json_is_counted_in_its_shortest_form() -> None:
    assert counting.compact({"a": [1, "ü"]}) == '{"a":[1,"ü"]}'
