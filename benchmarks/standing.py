"""The sentence under each table that says, from its data, where pymode is best and where not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from benchmarks.tables import figure

# More columns than these are counted, not named.
NAMED = 4
# Two times of a shared machine that are this near each other are level.
NOISE = 0.05


def is_ours(name: str) -> bool:
    """Return whether an approach or a peer is pymode, such as `pymode` or `pymode-http`."""
    return name.split("-")[0] == "pymode"


@dataclass(frozen=True)
class Column:
    """One thing that is compared.

    Args:
        name: what it is, such as `github` or `median`.
        figures: by approach or peer; None where there is none.
        unit: of the figures.
        most: whether the largest figure is the best one.
        noise: the part of a figure by which two may differ and still be level.
    """

    name: str
    figures: Mapping[str, float | None]
    unit: str = ""
    most: bool = False
    noise: float = 0.0

    def side(self, *, ours: bool) -> list[tuple[str, float]]:
        """Return names and figures of pymode, or of the others, the best one first."""
        known = [
            (name, value)
            for name, value in self.figures.items()
            if value is not None and is_ours(name) is ours
        ]
        return sorted(known, key=lambda item: item[1], reverse=self.most)


@dataclass(frozen=True)
class Duel:
    """pymode against the best of the others in one column."""

    column: Column
    ours: float
    theirs: float
    rival: str

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
        """How many times the worse figure is the better one; above 1 also for pymode ahead."""
        small, large = sorted([self.ours, self.theirs])
        return large / small if small > 0 else 1.0

    @property
    def lead(self) -> float:
        """Above 0 where pymode is ahead, 0 where both are level."""
        if abs(self.ours - self.theirs) <= self.column.noise * max(self.ours, self.theirs):
            return 0
        return (self.theirs - self.ours) * (-1 if self.column.most else 1)

    def __str__(self) -> str:
        gap = f"{figure(self.theirs)} against {figure(self.ours, self.column.unit)}"
        return f"{self.column.name}, {gap} ({self.times:.1f} times, {self.place})"


def duels(columns: Iterable[Column]) -> list[Duel]:
    """Return a duel for each column that has a figure of pymode and one of somebody else."""
    found = []
    for column in columns:
        ours, theirs = column.side(ours=True), column.side(ours=False)
        if ours and theirs:
            found.append(Duel(column, ours[0][1], theirs[0][1], theirs[0][0]))
    return found


def standing(columns: Iterable[Column]) -> str:
    """Return the sentence on where pymode is best, level and behind."""
    fought = duels(columns)
    if not fought:
        return "**Where pymode stands.** There is nothing to compare it with in this run."
    ahead = [duel for duel in fought if duel.lead > 0]
    level = [duel for duel in fought if duel.lead == 0]
    parts = [f"Best in {counted(ahead, len(fought))}."]
    if level:
        parts.append(f"Level with the best in {counted(level, len(fought))}.")
    behind = sorted((duel for duel in fought if duel.lead < 0), key=lambda duel: duel.rival)
    for rival, group in groupby(behind, key=lambda duel: duel.rival):
        parts.append(f"Behind {rival} in {detailed(list(group))}.")
    return f"**Where pymode stands.** {' '.join(parts)}"


def counted(fought: Sequence[Duel], of: int) -> str:
    """Return how many columns these are, and their names while they are few."""
    shown = "; ".join(duel.column.name for duel in fought)
    return f"{len(fought)} of {of}" + (f" ({shown})" if 0 < len(fought) <= NAMED else "")


def detailed(lost: Sequence[Duel]) -> str:
    """Return the columns that were lost with their figures, or the widest gap of many."""
    if len(lost) <= NAMED:
        return f"{len(lost)}: {'; '.join(map(str, lost))}"
    return f"{len(lost)}, the widest gap being {max(lost, key=lambda duel: duel.times)}"
