"""Markdown tables, and how figures are written in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NONE = "\N{EN DASH}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = True) -> str:
    """Return a Markdown table; with `numbers` all columns but the first are right-aligned."""
    rule = ["---", *["---:" if numbers else "---"] * (len(header) - 1)]
    lines = [header, rule, *rows]
    escaped = ([cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in escaped)


def figure(value: float | None, unit: str = "") -> str:
    """Return a figure with about three significant digits, or a dash for None."""
    if value is None:
        return NONE
    size = abs(value)
    digits = 0 if size >= 100 or size == int(size) else 1 if size >= 10 else 2
    return f"{value:,.{digits}f} {unit}".rstrip()


def skipped(reasons: Mapping[str, str]) -> str:
    """Return the sentence that names what was not measured and why, or nothing."""
    if not reasons:
        return ""
    return "Skipped: " + "; ".join(f"{name} ({why})" for name, why in reasons.items()) + "."


def facts(known: Mapping[str, Any]) -> str:
    """Return facts as a Markdown list."""
    return "\n".join(f"- {name.replace('_', ' ')}: {value}" for name, value in known.items())


def paragraphs(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part)


def measured(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries that were not skipped."""
    return {name: entry for name, entry in entries.items() if "skipped" not in entry}


def reasons(entries: Mapping[str, Any]) -> dict[str, str]:
    """Return why entries were skipped, by name."""
    return {name: entry["skipped"] for name, entry in entries.items() if "skipped" in entry}
