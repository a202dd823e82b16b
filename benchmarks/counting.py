"""Counts tokens offline, by the encodings that `bpe-openai` carries."""

from __future__ import annotations

import functools
import json
import warnings
from typing import Any

ENCODINGS = ("o200k_base", "cl100k_base")
# The tokenizer refuses much longer texts. Each cut adds at most a token or two to the count.
PART_CHARS = 100_000


@functools.cache
def encoder(encoding: str) -> Any:
    with warnings.catch_warnings():
        # Its import uses a function of importlib.resources that Python 3.11 deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        import bpe_openai

        return bpe_openai.get_encoding(encoding)


def count(text: str, encoding: str = "o200k_base") -> int:
    """Return how many tokens `text` has in `encoding`, one of `ENCODINGS`."""
    parts = (text[start : start + PART_CHARS] for start in range(0, len(text), PART_CHARS))
    return sum(len(encoder(encoding).encode_ordinary(part)) for part in parts)


def compact(value: object) -> str:
    """Return a JSON value without blanks: tokens are counted in this form for all approaches."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
