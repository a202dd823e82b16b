"""The pages of the documentation, and the code blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from paths import REPOSITORY

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^( *)(```+)([^\n`]*)\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One code block.

    Args:
        page: relative to the repository.
        line: where it begins.
        language: what stands after the fence; "" for nothing.
        text: what is in it.
        output: the block of text right after it, which is what it prints; None for none.
    """

    page: str
    line: int
    language: str
    text: str
    output: str | None = None

    @property
    def id(self) -> str:
        """What a test calls it."""
        return f"{self.page}:{self.line}"


def read_blocks(page: Path) -> list[Block]:
    """Return the code blocks of a page; those of plain text only as the output of another."""
    text = page.read_text()
    blocks: list[Block] = []
    end = 0
    for found in _FENCE.finditer(text):
        language, content = found[3].strip(), found[4].replace(f"\n{found[1]}", "\n")
        if language == "text" and blocks and not text[end : found.start()].strip():
            before = blocks.pop()
            blocks.append(Block(before.page, before.line, before.language, before.text, content))
        else:
            line = text.count("\n", 0, found.start()) + 1
            name = page.relative_to(REPOSITORY).as_posix()
            blocks.append(Block(name, line, language, content.removeprefix(found[1])))
        end = found.end()
    return blocks


BLOCKS = [block for page in PAGES for block in read_blocks(page)]
