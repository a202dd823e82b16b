"""The report of a run: results.json as Markdown, with its charts, and the figures in the pages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import figures, time_tables, token_tables
from benchmarks.standing import NOISE, Column, standing
from benchmarks.tables import facts, figure, paragraphs, skipped, table

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"

OPENING = """\
Every figure on this page was measured in the run named here, by `python -m benchmarks`, except
those under "Published figures", which others published or which were measured elsewhere. The
sentence under each table is made from the table and says where pymode is best and where not."""

METHOD = """\
- Tokens are counted with o200k_base and cl100k_base of bpe-openai. At hand counts what a client
  hands to the model: name, description and input schema of each tool, as compact JSON. "As sent"
  counts all fields of `tools/list`. The lists come from real servers through a real MCP client.
- Empty `required: []` lists, which one of the parsers refuses, are taken out of every document for
  all approaches alike.
- Growth is one small API multiplied with changed names.
- Tasks: each turn reads the definitions, the goal and all turns before it, and writes its calls.
  The tokens of a task are the sum over its turns; caching of prompts is not counted. The scripts
  are each approach's best way: they show what a good way costs, not how often a model finds it.
- FastMCP's search takes a query, not code: what comes closest to each program is timed.
- Times are of one machine, which others may share. Times within a twentieth of each other count as
  level. The peers do not isolate alike; "Limits held" shows what each of them stops."""


MODEL = {
    "success_rate": "success rate",
    "tokens_median": "median tokens",
    "turns_median": "median turns",
    "seconds_median": "median s",
    "model_seconds_median": "of these waiting for the model",
    "tokens_total": "total tokens",
    "cost_total": "total $",
    "cost_of_a_solved_task": "$ for a solved task",
}
NO_MODEL = "No model was asked; `--model` does."


def model(data: Mapping[str, Any]) -> str:
    """Return what a real model did: medians of solved runs, totals of all."""
    summary = data["summary"]
    rows = (
        [name, f"{entry['solved']} of {entry['of']}", *(figure(entry[key]) for key in MODEL)]
        for name, entry in summary.items()
    )
    columns = (
        Column(
            title,
            {name: entry[key] for name, entry in summary.items()},
            most=key == "success_rate",
            noise=0.0 if key == "success_rate" else NOISE,
        )
        for key, title in MODEL.items()
    )
    failures = [
        f"- {name} in {task['id']}: {run['why']}"
        for task in data["tasks"]
        for name, runs in task["runs"].items()
        for run in runs
        if not run["ok"]
    ]
    return paragraphs(
        [
            f"{data['model']}, {len(data['tasks'])} tasks on {data['document']}, each played "
            f"{data['repeat']} times by every approach. Medians are of solved runs, totals of all. "
            "Tokens are as the endpoint counts them.",
            table(("approach", "solved", *MODEL.values()), rows),
            skipped(data["skipped"]),
            standing(columns),
            "Failed:\n\n" + "\n".join(failures) if failures else "No run failed.",
        ]
    )


def published() -> str:
    """Return the figures of others with their sources, apart from what was measured."""
    data = json.loads(figures.PUBLISHED.read_text())
    elsewhere = data["measured_elsewhere"]
    return paragraphs(
        [
            table(
                ("published", "value", "source", "date"),
                (
                    [row["what"], figure(row["value"], row["unit"]), row["source"], row["date"]]
                    for row in data["published"]
                ),
                numbers=False,
            ),
            "### Measured elsewhere",
            f"On {elsewhere['where']}. Date: {elsewhere['date']}.",
            table(
                ("server", "what", "value"),
                (
                    [row["server"], row["what"], shown(row["value"], row["unit"])]
                    for row in elsewhere["figures"]
                ),
                numbers=False,
            ),
        ]
    )


def shown(value: float | str, unit: str) -> str:
    """Return a value as a figure, or as the words that it is."""
    return value if isinstance(value, str) else figure(value, unit)


def render(results: Mapping[str, Any]) -> str:
    """Return the report as Markdown.

    Args:
        results: results.json; a section that it lacks is shown as not measured.
    """
    sections = {
        "Tokens to have the API at hand": ("at_hand", token_tables.at_hand),
        "Growth": ("growth", token_tables.growth),
        "Tokens to finish a task": ("tasks", token_tables.tasks),
        "Latency": ("latency", time_tables.latency),
        "Scale and throughput": ("scale", time_tables.scale),
        "Limits held": ("limits_held", time_tables.limits_held),
    }
    quick = "\n\n**A quick run: few repetitions, for a look only.**" if results["quick"] else ""
    parts = [f"# Measured: {results['made']}{quick}", OPENING]
    for title, (key, section) in sections.items():
        data = results.get(key)
        parts += [f"## {title}", section(data) if data else "Not measured yet."]
    asked = results.get("model")
    parts += ["## With a model", model(asked) if asked else NO_MODEL]
    parts += ["## Published figures", published()]
    parts += ["## Method", METHOD, "### Machine", ", ".join(results["machine"].values()) + "."]
    parts += ["### Versions", facts(results["versions"])]
    return paragraphs(parts) + "\n"


def write(
    results: Mapping[str, Any],
    folder: Path = RESULTS,
    pages: Sequence[Path] = figures.PAGES,
) -> None:
    """Write report.md and the charts into `folder`, and the figures into the regions of `pages`."""
    from benchmarks import charts  # here, so that a report can be read without matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.md").write_text(render(results))
    charts.draw(results, folder)
    for page in pages:
        figures.update(page, results)
