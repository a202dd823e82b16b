"""Options of a run of the benchmarks, and how its sections report progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# A function that shows one line of progress to a person.
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """Options of the command line.

    Args:
        quick: fewer repetitions and fewer tasks; the figures are marked as quick.
        specs: OpenAPI documents to use instead of the default ones.
        only: groups of sections to run (see `GROUPS` in `__main__`); empty runs all.
        model: the model that plays the tasks, `openai:NAME` or `anthropic:NAME`; None for none.
        base_url: the model's endpoint; None takes that of its provider.
        repeat: how many times the model plays each task.
        price_in, price_out: dollars for a million tokens read and written; None if unknown.
    """

    quick: bool = False
    specs: tuple[Path, ...] = ()
    only: tuple[str, ...] = ()
    model: str | None = None
    base_url: str | None = None
    repeat: int = 1
    price_in: float | None = None
    price_out: float | None = None
