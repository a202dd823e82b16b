"""The texts that a call answers with: an error, what was printed, and what was left out."""

from __future__ import annotations

import pytest

from pymode.answers.tokens import count_tokens_bound
from pymode.call.answer import failure

LONG = {
    "words": "one more line was printed\n" * 5000,
    "Chinese": "又打印了一行。" * 5000,
    "one word": "x" * 50_000,
    "nothing": "",
}


@pytest.mark.parametrize("printed", LONG)
@pytest.mark.parametrize("message", LONG)
def test_an_error_and_its_prints_keep_to_the_budget(message: str, printed: str) -> None:
    text = failure(LONG[message] or "ValueError: no", LONG[printed], 400)
    # The marks that text was cut, and the line break between both, are counted once more.
    assert count_tokens_bound(text) <= 400 + 2


def test_a_cut_text_counts_the_characters_that_are_missing() -> None:
    kept, _, rest = failure(LONG["words"], "", 100).rpartition("… ")
    assert LONG["words"].startswith(kept)
    assert rest == f"{len(LONG['words']) - len(kept)} more characters"
    assert count_tokens_bound(kept) >= 85


def test_a_short_error_comes_before_what_was_printed() -> None:
    assert failure("no", "a\nb\n", 100) == "no\nprinted so far:\na\nb"
