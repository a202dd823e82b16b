"""What a run of the benchmarks was asked for, and how its sections report progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Called with one line for a person who waits.
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What the command line asked for.

    Args:
        quick: fewer repetitions and fewer tasks, for a look; figures are marked as quick.
        specs: OpenAPI documents to use in place of the default ones.
        only: sections to run (see `__main__`), empty for all.
        model: the model that plays the tasks, `openai:NAME` or `anthropic:NAME`; None for none.
        base_url: the model's endpoint, None for that of its provider.
        repeat: how many times the model plays each task.
        price_in, price_out: dollars for a million tokens read and written, None if not known.
    """

    quick: bool = False
    specs: tuple[Path, ...] = ()
    only: tuple[str, ...] = ()
    model: str | None = None
    base_url: str | None = None
    repeat: int = 1
    price_in: float | None = None
    price_out: float | None = None
