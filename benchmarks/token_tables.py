"""Tokens in the report: at hand, growth and tasks, as Markdown made from results.json."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from benchmarks.standing import Column, standing
from benchmarks.tables import NONE, figure, measured, paragraphs, reasons, skipped, table

Data = Mapping[str, Any]
WRONG = "wrong"


COUNTS = {
    "o200k_base": "o200k_base",
    "cl100k_base": "cl100k_base",
    "as_sent_o200k_base": "all fields as sent, o200k_base",
}


def at_hand(data: Data) -> str:
    """Return a table for each document: what each approach costs before the first word."""
    absent = {entry["name"]: entry["reason"] for entry in data.get("missing", ())}
    parts = [part for document in data["documents"] for part in of_document(document)]
    return paragraphs([*parts, f"Documents not at hand. {skipped(absent)}" if absent else ""])


def of_document(document: Data) -> list[str]:
    entries = document["approaches"]
    ran = measured(entries)
    rows = (
        [name, *(figure(entry[key]) for key in (*COUNTS, "tools"))]
        if name in ran
        else [name, "skipped", NONE, NONE, NONE]
        for name, entry in entries.items()
    )
    columns = (
        Column(title, {name: entry[key] for name, entry in ran.items()}, "tokens")
        for key, title in COUNTS.items()
    )
    size = f"{document['operations']:,} operations, {document['bytes']:,} bytes"
    return [
        f"### {document['title']}: {size}",
        f"Source: {document['source']}.",
        table(("approach", *COUNTS.values(), "tools"), rows),
        skipped(reasons(entries)),
        standing(columns),
    ]


def growth_table(data: Data) -> str:
    """Return the table of tokens at hand by number of operations."""
    return table(
        ("approach", *(f"{operations:,}" for operations in data["operations"])),
        ([name, *map(figure, row)] for name, row in data["approaches"].items()),
    )


def growth(data: Data) -> str:
    """Return how the tokens at hand grow with the number of operations."""
    rows = data["approaches"]
    columns = (
        Column(
            f"{operations:,} operations",
            {name: row[at] for name, row in rows.items()},
            "tokens",
        )
        for at, operations in enumerate(data["operations"])
    )
    flat = [name for name, row in rows.items() if None not in row and max(row) <= 1.1 * min(row)]
    return paragraphs(
        [
            "![tokens at hand by number of operations](growth.svg)",
            growth_table(data),
            skipped(data.get("skipped", {})),
            f"Flat, within a tenth from the smallest to the largest: {', '.join(flat) or 'none'}.",
            standing(columns),
        ]
    )


SUMMARY = {
    "tokens_median": "median tokens",
    "tokens_total": "total tokens",
    "without_definitions_median": "median without definitions",
    "turns_median": "median turns",
    "turns_total": "total turns",
    "requests_total": "total requests",
    "largest_context": "largest context",
}


def summarise(runs: list[Data]) -> dict[str, float]:
    """Return the figures of SUMMARY over these runs."""
    series = {key: [run[key] for run in runs] for key in runs[0] if key not in ("ok", "why")}
    return {
        "tokens_median": statistics.median(series["tokens"]),
        "tokens_total": sum(series["tokens"]),
        "without_definitions_median": statistics.median(series["tokens_without_definitions"]),
        "turns_median": statistics.median(series["turns"]),
        "turns_total": sum(series["turns"]),
        "requests_total": sum(series["requests"]),
        "largest_context": max(series["largest_context"]),
    }


def summary_standing(data: Data) -> str:
    """Return where pymode stands over the tasks that every approach solved."""
    approaches = [name for name, entry in data["summary"].items() if entry["solved"]]
    common = [
        task["runs"]
        for task in data["tasks"]
        if all(task["runs"].get(name, {}).get("ok") for name in approaches)
    ]
    if not common:
        return "**Where pymode stands.** No task was solved by all, so nothing can be compared."
    figures = {name: summarise([runs[name] for runs in common]) for name in approaches}
    columns = (
        Column(title, {name: figures[name][key] for name in approaches})
        for key, title in SUMMARY.items()
    )
    basis = f"Compared over the {len(common)} of {len(data['tasks'])} tasks that all solved."
    return f"{standing(columns)} {basis}"


def task_table(data: Data, key: str, unit: str) -> str:
    """Return one figure of every run, by task and approach, and where pymode stands in it."""
    approaches = list(data["summary"])

    def cell(run: Data | None) -> str:
        return NONE if run is None else figure(run[key]) if run["ok"] else WRONG

    rows = (
        [f"{task['id']} ({task['kind']})", *(cell(task["runs"].get(name)) for name in approaches)]
        for task in data["tasks"]
    )
    columns = (
        Column(
            task["id"], {name: run[key] for name, run in task["runs"].items() if run["ok"]}, unit
        )
        for task in data["tasks"]
    )
    return f"{table(('task', *approaches), rows)}\n\n{standing(columns)}"


def tasks(data: Data) -> str:
    """Return the summary of the tasks, every run of them, and the runs that are disqualified."""
    summary = table(
        ("approach", "solved", *SUMMARY.values()),
        (
            [name, f"{entry['solved']} of {entry['of']}", *(figure(entry[key]) for key in SUMMARY)]
            for name, entry in data["summary"].items()
        ),
    )
    wrong = [
        f"- {name} in {task['id']}: {run['why']}"
        for task in data["tasks"]
        for name, run in task["runs"].items()
        if not run["ok"]
    ]
    return paragraphs(
        [
            f"{len(data['tasks'])} tasks on {data['document']}, each played by every approach with "
            "its own best script ([the scripts](../tasks), [the rules](../tasks/RULES.md)). "
            "Figures are of solved tasks only.",
            "![tokens for a task by approach](tasks.svg)",
            summary,
            skipped(data.get("skipped", {})),
            summary_standing(data),
            "Disqualified, for a wrong answer, state or number of writes:\n\n" + "\n".join(wrong)
            if wrong
            else "No run was disqualified.",
            "### Tokens",
            task_table(data, "tokens", "tokens"),
            "### Tokens without definitions",
            task_table(data, "tokens_without_definitions", "tokens"),
            "### Turns",
            task_table(data, "turns", "turns"),
            "### Requests to the API",
            task_table(data, "requests", "requests"),
        ]
    )
