"""The true count of o200k_base tokens, offline."""

import functools
import warnings
from typing import Any

# Longer texts are refused by the tokenizer.
PART_CHARS = 100_000


@functools.cache
def encoding() -> Any:
    with warnings.catch_warnings():
        # Its import uses a function of importlib.resources that Python 3.11 deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        import bpe_openai  # type: ignore[import-untyped]

        return bpe_openai.get_encoding("o200k_base")


def count(text: str) -> int:
    parts = (text[start : start + PART_CHARS] for start in range(0, len(text), PART_CHARS))
    return sum(len(encoding().encode_ordinary(part)) for part in parts)
