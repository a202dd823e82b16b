"""Write the vocabulary of the token estimate: `python -m pymode.answers.build_vocabulary FILE`.

The build of the package runs this with the tokenizer `bpe-openai` (MIT), so that an installed
pymode estimates tokens without that package, which takes 75 MB. The vocabulary is OpenAI's,
published with tiktoken (MIT); it is not kept in the repository.
"""

from __future__ import annotations

import lzma
import sys
import warnings
from pathlib import Path

# The tokenizer numbers its entries by how often it merges them. Without the last 50,000 the file is
# a quarter smaller, takes a third less memory, and prose costs 2 to 6 % more.
ENTRIES = 150_000
# The longer entries in Chinese and Japanese are whole sentences of advertisements.
EAST_ASIAN_CHARS = 5


def read_entries() -> list[str]:
    """Return the entries of the file: whole characters, without white space, which has a rule."""
    with warnings.catch_warnings():
        # Its import uses a function of importlib.resources that Python 3.11 deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        import bpe_openai  # type: ignore[import-untyped]

        encoding = bpe_openai.get_encoding("o200k_base")
    texts = (encoding.decode([code]) for code in range(ENTRIES))
    return sorted(text for text in texts if _is_kept(text))


def _is_kept(text: str) -> bool:
    if "\ufffd" in text or text.isspace() or "\n" in text or "\r" in text:
        return False
    return len(text) <= EAST_ASIAN_CHARS or not any(char >= "\u2e80" for char in text)


def main() -> None:
    """Write the file that is named on the command line."""
    text = "\n".join(read_entries())
    packed = lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)
    Path(sys.argv[1]).write_bytes(packed)


if __name__ == "__main__":
    main()
