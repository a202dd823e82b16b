"""Writes to standard error: progress, remarks, and one line for each error."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pymode.call.loading import Progress
    from pymode.call.result import Result


def say(text: str) -> None:
    """Write one line, or several, to standard error."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is the shell's output


def is_terminal() -> bool:
    """Say whether a person watches standard error."""
    return sys.stderr.isatty()


@contextmanager
def showing_progress() -> Iterator[Progress]:
    """Yield a callback that shows the progress; nothing appears if it is never called.

    On a terminal a bar, which goes when the work is done; elsewhere a line for each new sentence.
    """
    if not is_terminal():
        yield _Lines()
        return
    with _bar() as progress:
        yield progress


class _Lines:
    def __init__(self) -> None:
        self._sentence = ""

    def __call__(self, fraction: float, sentence: str) -> None:
        if sentence != self._sentence:
            self._sentence = sentence
            say(f"pymode: {sentence} ({fraction:.0%})")


@contextmanager
def _bar() -> Iterator[Callable[[float, str], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task: list[TaskID] = []

    def show(fraction: float, sentence: str) -> None:
        if not task:
            task.append(bar.add_task(sentence, total=1.0))
            bar.start()
        bar.update(task[0], completed=fraction, description=sentence)

    try:
        yield show
    finally:
        bar.stop()


def summarize(result: Result) -> str:
    """Return one line about the cost of a call: `2 requests · 0.31 s · 12.4 M instructions`."""
    sent = len(result.requests)
    parts = [
        *([f"{sent} request{'s' * (sent != 1)}"] if sent else []),
        f"{result.timings.total_seconds:.2f} s",
        f"{result.fuel / 1e6:,.1f} M instructions",
    ]
    return " · ".join(parts)


def escape_lines(text: str) -> list[str]:
    """Return the lines of a text, each harmless to a terminal."""
    return [escape(line.replace("\t", "    ")) for line in text.rstrip("\n").split("\n")]


def escape(text: str) -> str:
    """Return one line with control characters and direction marks escaped.

    Args:
        text: written by a model or an API.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_escape_character, text))


def _escape_character(character: str) -> str:
    # C: controls, formats such as those that turn the direction, surrogates. Zl, Zp: line ends.
    category = unicodedata.category(character)
    if category.startswith("C") or category in ("Zl", "Zp"):
        return character.encode("unicode_escape").decode()
    return character
