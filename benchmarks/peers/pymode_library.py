"""pymode as a library, in the process of its caller."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.peers.peer import TOKEN
from benchmarks.programs import PROGRAMS
from pymode import CodeMode, Rules

RULES = ["DELETE /zones/*", "* /accounts/*/members/**"]


class Library:
    def __init__(self, code_mode: CodeMode) -> None:
        self._code_mode = code_mode

    async def run(self, program: str) -> object:
        tool = self._code_mode.search if program.startswith("search-") else self._code_mode.execute
        return (await tool(PROGRAMS[program])).value


@dataclass(frozen=True)
class PymodeLibrary:
    """pymode as a library.

    Args:
        mode: `bare` turns the check off, `guarded` turns rules, check and log on; any other value
            keeps the defaults.
    """

    name: str = "pymode-library"
    title: str = "pymode, library"
    mode: str = "as it comes"
    requires: tuple[str, ...] = ()
    cannot: dict[str, str] = field(default_factory=dict)
    by_query: frozenset[str] = frozenset()

    @asynccontextmanager
    async def open(self, document: Path, base_url: str, workers: int = 1) -> AsyncIterator[Library]:
        with tempfile.TemporaryDirectory() as folder:
            options: dict[str, Any] = {}
            if self.mode == "bare":
                options = {"check": "off"}
            elif self.mode == "guarded":
                options = {"rules": Rules.parse(deny=RULES), "log": Path(folder) / "log.sqlite3"}
            async with CodeMode(
                document, name="api", base_url=base_url, token=TOKEN, workers=workers, **options
            ) as code_mode:
                await code_mode.prepare()
                yield Library(code_mode)


BARE = PymodeLibrary("pymode-bare", "pymode, library, no rules, check or log", "bare")
GUARDED = PymodeLibrary("pymode-guarded", "pymode, library, with rules, check and log", "guarded")
