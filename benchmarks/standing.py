"""The sentence under each table that says where pymode is best, level or behind.

It is made from the figures of the table, so that nobody can choose what it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from benchmarks.tables import figure

# A sentence names at most so many columns; of more it gives the number.
MAX_NAMED = 4
# Times that differ by less are level, because other work on the machine moves them so much.
NOISE = 0.05


def is_ours(name: str) -> bool:
    """Return whether an approach or a peer is pymode, such as `pymode` or `pymode-http`."""
    return name.split("-")[0] == "pymode"


@dataclass(frozen=True)
class Column:
    """One column of a table: something that is compared.

    Args:
        name: what it is, such as `github` or `median`.
        figures: by approach or peer; None where there is none.
        unit: of the figures.
        most: whether the largest figure is the best one; otherwise the smallest is.
        noise: two figures are level when they differ by at most this part of the larger one.
    """

    name: str
    figures: Mapping[str, float | None]
    unit: str = ""
    most: bool = False
    noise: float = 0.0

    def side(self, *, ours: bool) -> list[tuple[str, float]]:
        """Return names and figures, the best one first: those of pymode, or those of the others."""
        known = [
            (name, value)
            for name, value in self.figures.items()
            if value is not None and is_ours(name) is ours
        ]
        return sorted(known, key=lambda item: item[1], reverse=self.most)


@dataclass(frozen=True)
class Comparison:
    """pymode against the best of the others in one column."""

    column: Column
    ours: float
    theirs: float
    best_other: str

    @property
    def place(self) -> str:
        """The place of pymode among those that have a figure, such as `3rd of 7`."""
        figures = [value for _, value in self.column.side(ours=False)]
        ahead = sum(
            value > self.ours if self.column.most else value < self.ours for value in figures
        )
        ordinal = {1: "1st", 2: "2nd", 3: "3rd"}.get(ahead + 1, f"{ahead + 1}th")
        return f"{ordinal} of {len(figures) + 1}"

    @property
    def times(self) -> float:
        """The worse figure divided by the better one, so at least 1, whoever is ahead."""
        small, large = sorted([self.ours, self.theirs])
        return large / small if small > 0 else 1.0

    @property
    def lead(self) -> float:
        """Above 0 if pymode is ahead, 0 if both are level, below 0 if pymode is behind."""
        if abs(self.ours - self.theirs) <= self.column.noise * max(self.ours, self.theirs):
            return 0
        return (self.theirs - self.ours) * (-1 if self.column.most else 1)

    def __str__(self) -> str:
        gap = f"{figure(self.theirs)} against {figure(self.ours, self.column.unit)}"
        return f"{self.column.name}, {gap} ({self.times:.1f} times, {self.place})"


def compare(columns: Iterable[Column]) -> list[Comparison]:
    """Return a comparison for each column with a figure of pymode and one of another."""
    found = []
    for column in columns:
        ours, theirs = column.side(ours=True), column.side(ours=False)
        if ours and theirs:
            found.append(Comparison(column, ours[0][1], theirs[0][1], theirs[0][0]))
    return found


def standing(columns: Iterable[Column]) -> str:
    """Return the sentence on where pymode is best, level and behind."""
    comparisons = compare(columns)
    if not comparisons:
        return "**Where pymode stands.** There is nothing to compare it with in this run."
    ahead = [comparison for comparison in comparisons if comparison.lead > 0]
    level = [comparison for comparison in comparisons if comparison.lead == 0]
    parts = [f"Best in {counted(ahead, len(comparisons))}."]
    if level:
        parts.append(f"Level with the best in {counted(level, len(comparisons))}.")
    behind = sorted(
        (comparison for comparison in comparisons if comparison.lead < 0),
        key=lambda comparison: comparison.best_other,
    )
    for best_other, group in groupby(behind, key=lambda comparison: comparison.best_other):
        parts.append(f"Behind {best_other} in {detailed(list(group))}.")
    return f"**Where pymode stands.** {' '.join(parts)}"


def counted(comparisons: Sequence[Comparison], of: int) -> str:
    """Return the number of columns, with their names if they are few."""
    shown = "; ".join(comparison.column.name for comparison in comparisons)
    return f"{len(comparisons)} of {of}" + (
        f" ({shown})" if 0 < len(comparisons) <= MAX_NAMED else ""
    )


def detailed(behind: Sequence[Comparison]) -> str:
    """Return the columns with their figures, or only the widest gap if there are many."""
    if len(behind) <= MAX_NAMED:
        return f"{len(behind)}: {'; '.join(map(str, behind))}"
    widest = max(behind, key=lambda comparison: comparison.times)
    return f"{len(behind)}, the widest gap being {widest}"
