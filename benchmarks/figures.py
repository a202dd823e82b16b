"""Figures in the pages: regions of Markdown that only this module writes, from results.json.

A region is `<!-- figures: NAME -->` … `<!-- /figures -->`, on its own lines or in a sentence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.standing import NOISE, Column, is_ours, standing
from benchmarks.tables import NONE, figure, measured, paragraphs, reasons, skipped, table
from benchmarks.time_tables import bar, median_row, programs
from benchmarks.token_tables import SUMMARY, growth_table, summary_standing

HERE = Path(__file__).resolve().parent
PUBLISHED = HERE / "published.json"
REPOSITORY = HERE.parent
PAGES = (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")))

REGION = re.compile(r"(<!-- figures: (\S+) -->)(\n?)(.*?)(<!-- /figures -->)", re.DOTALL)
NOT_MEASURED = "Not measured yet."
Results = Mapping[str, Any]
# The entry of a program that a peer did not run.
NOT_RUN = {"skipped": "not run"}


def readme_tokens(results: Results) -> str:
    """Return the tokens of each approach: at hand, by document, and for a task."""
    documents, solved = results["at_hand"]["documents"], results["tasks"]["summary"]
    why: dict[str, str] = {}
    columns = []
    for document in documents:
        entries = document["approaches"]
        why |= reasons(entries)
        title = f"{document['title']}, {document['operations']:,} operations"
        counts = {name: entry["o200k_base"] for name, entry in measured(entries).items()}
        columns.append(Column(title, counts, "tokens"))
    medians = {name: entry["tokens_median"] for name, entry in solved.items()}
    columns.append(Column("a task, median", medians, "tokens"))
    names = dict.fromkeys(name for column in columns for name in column.figures)
    rows = (
        [
            name,
            *(figure(column.figures.get(name)) for column in columns),
            f"{solved[name]['solved']} of {solved[name]['of']}" if name in solved else NONE,
        ]
        for name in names
    )
    header = ("tokens", *(column.name for column in columns), "tasks solved")
    return paragraphs([table(header, rows), skipped(why), standing(columns)])


COMPARED = ("tokens_median", "turns_median", "requests_total", "largest_context")


def comparison_tasks(results: Results) -> str:
    """Return tokens, turns, requests and the largest context of the tasks, by approach."""
    data = results["tasks"]
    rows = (
        [name, f"{entry['solved']} of {entry['of']}", *(figure(entry[key]) for key in COMPARED)]
        for name, entry in data["summary"].items()
    )
    shown = table(("approach", "solved", *map(SUMMARY.__getitem__, COMPARED)), rows)
    return paragraphs([shown, skipped(data.get("skipped", {})), summary_standing(data)])


README_PROGRAMS = {
    "search-trivial": "search, trivial",
    "search-waf": "search, WAF operations",
    "execute-trivial": "execute, trivial",
    "execute-one": "execute, one request",
    "execute-twenty": "execute, 20 requests of 50 ms at once",
}


def readme_speed(results: Results) -> str:
    """Return the medians of five programs by peer."""
    data = results["latency"]
    columns = []
    for program, title in README_PROGRAMS.items():
        ran = measured({name: peer.get(program, NOT_RUN) for name, peer in data["peers"].items()})
        medians = {name: entry["median_ms"] for name, entry in ran.items()}
        columns.append(Column(title, medians, "ms", noise=NOISE))
    rows = (
        [column.name, *(figure(column.figures.get(name)) for name in data["peers"])]
        for column in columns
    )
    shown = table(("median, ms", *data["peers"]), rows)
    return paragraphs([shown, skipped(data.get("skipped", {})), standing(columns)])


def architecture_measured(results: Results) -> str:
    """Return pymode's own figures, and the bar for each that has one."""
    latency, scale = results["latency"], results["scale"]
    rows = []
    for name, peer in latency["peers"].items():
        for program in programs(latency):
            entry = peer.get(program, NOT_RUN)
            if is_ours(name) and "skipped" not in entry:
                row = median_row(f"{peer['title']}, {program}", entry)
                tail = f" (p95 {figure(entry['p95_ms'])})"
                rows.append([row["what"], figure(row["value"], "ms") + tail, bar(row)])
    rows += [
        [row["what"], figure(row["value"], row["unit"]), bar(row)]
        for row in scale["rows"]
        if is_ours(row["peer"])
    ]
    return table(("what", "measured", "bar"), rows)


def growth(results: Results) -> str:
    """Return tokens at hand by number of operations."""
    return growth_table(results["growth"])


def made(results: Results) -> str:
    """Return when and on what the figures were made, as the end of a sentence."""
    return f"measured on {results['made'][:10]} ({', '.join(results['machine'].values())})"


def published_classic(_: Results) -> str:
    """Return what Cloudflare counted for its API as one tool for each operation."""
    rows = json.loads(PUBLISHED.read_text())["published"]
    [row] = [row for row in rows if row["id"] == "classic-mcp"]
    return figure(row["value"], row["unit"])


# The function for each region, and the sections of the results that it needs.
REGIONS: dict[str, tuple[Callable[[Results], str], tuple[str, ...]]] = {
    "readme-tokens": (readme_tokens, ("at_hand", "tasks")),
    "comparison-tasks": (comparison_tasks, ("tasks",)),
    "readme-speed": (readme_speed, ("latency",)),
    "architecture-measured": (architecture_measured, ("latency", "scale")),
    "growth": (growth, ("growth",)),
    "made": (made, ("made", "machine")),
    "published-classic": (published_classic, ()),
}


def render(name: str, results: Results) -> str:
    """Return the text of a region.

    Raises:
        KeyError: no region has that name.
    """
    renderer, sections = REGIONS[name]
    return renderer(results) if all(map(results.get, sections)) else NOT_MEASURED


def rewritten(text: str, results: Results) -> str:
    """Return the text of a page with every region filled from the results."""

    def replace(region: re.Match[str]) -> str:
        start, name, line_break, _, end = region.groups()
        return f"{start}{line_break}{render(name, results)}{line_break}{end}"

    return REGION.sub(replace, text)


def update(path: Path, results: Results) -> None:
    """Fill the regions of a page; a page without changes is not written."""
    text = path.read_text()
    if (new := rewritten(text, results)) != text:
        path.write_text(new)


def stale(path: Path, results: Results) -> list[str]:
    """Return the names of the regions of a page that differ from the results."""
    text = path.read_text()
    pairs = zip(REGION.finditer(text), REGION.finditer(rewritten(text, results)), strict=True)
    return [old[2] for old, new in pairs if old[0] != new[0]]
