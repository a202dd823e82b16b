"""Charts of a run as SVG and PNG for light and dark pages; the same results give the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import cycle, pairwise
from math import log10
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from benchmarks.standing import is_ours
from benchmarks.tables import measured
from benchmarks.time_tables import programs

# A grey with a contrast of 4.3 to 1 against white and against the dark page, #0d1117.
INK = "#757b84"
OURS = ("#e8590c", "#f08c00", "#d6336c")
OTHERS = ("#3b7ddd", "#2f9e44", "#9c5cf5", "#0c9aa8", "#a9822b", "#8a8f98")
# Each has the same colour in every chart, so that readers know it again.
APPROACHES = (
    *("raw", "classic-mcp", "classic-mcp-required", "tool-search", "cli"),
    "fastmcp-code-mode",
)
# How many labels fit above each other at the ends of the lines.
LABELS_OF_A_HEIGHT = 22
STYLE: Any = {
    "svg.hashsalt": "pymode",
    "svg.fonttype": "path",
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": INK,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "legend.labelcolor": INK,
}


def looks(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return colour, marker and drawing order by name; pymode has warm colours and is on top."""
    listed = list(names)
    ours = cycle(zip(OURS, "oX*", strict=True))
    fixed = dict(zip(APPROACHES, zip(OTHERS, "sD^vPh", strict=True), strict=True))
    # Peers that are not approaches take the colours that no approach of the chart has.
    others = cycle([look for name, look in fixed.items() if name not in listed] or fixed.values())
    found = {}
    for name in listed:
        colour, marker = next(ours) if is_ours(name) else fixed.get(name) or next(others)
        found[name] = {"color": colour, "marker": marker, "zorder": 4 if is_ours(name) else 3}
    return found


def number(value: float, _: object = None) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def number_axis(axis: Axis) -> None:
    """Label a logarithmic axis with numbers; a short one also between the powers of ten."""
    low, high = axis.get_view_interval()
    if high < 300 * low:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(number))
    axis.set_minor_formatter(NullFormatter())


def blank(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    chart = Figure(figsize=(width, height), layout="constrained")
    return chart, list(chart.subplots(1, columns, sharey=True, squeeze=False)[0])


def spread(heights: list[float], gap: float) -> list[float]:
    """Return heights pushed apart until neighbours are `gap` apart, in the order given."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    placed = list(heights)
    for _ in range(100):
        for below, above in pairwise(order):
            overlap = max(0.0, gap - (placed[above] - placed[below]))
            placed[below] -= overlap / 2
            placed[above] += overlap / 2
    return placed


def growth(data: Mapping[str, Any]) -> Figure:
    """Draw tokens at hand against the number of operations."""
    chart, [axes] = blank(8.5, 5)
    operations = data["operations"]
    ends = []
    for name, look in looks(data["approaches"]).items():
        row = zip(operations, data["approaches"][name], strict=True)
        points = [(x, y) for x, y in row if y is not None]
        if points:
            axes.plot(*zip(*points, strict=True), linewidth=3 if is_ours(name) else 1.8, **look)
            ends.append((name, *points[-1]))
    axes.margins(y=0.08)
    axes.set(xscale="log", yscale="log", xlabel="operations of the API", xticks=operations)
    axes.set_title("Tokens to have the API at hand (o200k_base)", loc="left")
    axes.grid(visible=True, axis="y")
    axes.xaxis.set_major_formatter(FuncFormatter(number))
    axes.xaxis.set_minor_locator(NullLocator())
    number_axis(axes.yaxis)
    low, high = map(log10, axes.get_ylim())
    heights = spread([log10(y) for *_, y in ends], (high - low) / LABELS_OF_A_HEIGHT)
    colours = looks(data["approaches"])
    for (name, x, _), height in zip(ends, heights, strict=True):
        axes.annotate(
            name,
            (x, 10**height),
            (10, 0),
            textcoords="offset points",
            va="center",
            color=colours[name]["color"],
            weight="bold" if is_ours(name) else "normal",
        )
    return chart


def tasks(data: Mapping[str, Any]) -> Figure:
    """Draw the median tokens of a task by approach, with and without definitions."""
    chart, [axes] = blank(8.5, 4)
    summary = {name: entry for name, entry in data["summary"].items() if entry["solved"]}
    for height, (name, look) in enumerate(looks(summary).items()):
        whole, bare = (
            summary[name][key] for key in ("tokens_median", "without_definitions_median")
        )
        colour = look["color"]
        axes.plot([bare, whole], [height, height], color=colour, linewidth=2)
        axes.plot(whole, height, "o", color=colour, markersize=9)
        axes.plot(bare, height, "o", color=colour, markersize=9, fillstyle="none")
        axes.annotate(
            number(whole), (whole, height), (10, 0), textcoords="offset points", va="center"
        )
    axes.set(xscale="log", yticks=range(len(summary)), yticklabels=list(summary))
    axes.set_title("Tokens of a task, median: ● with definitions, ○ without", loc="left")
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.grid(visible=True, axis="x")
    number_axis(axes.xaxis)
    return chart


def latency(data: Mapping[str, Any]) -> Figure:
    """Draw the median of each program by peer, with a line up to p95."""
    names = programs(data)
    chart, [axes] = blank(8.5, 0.7 * len(names) + 2)
    for lane, (peer, look) in enumerate(looks(data["peers"]).items()):
        timed = {name: entry for name, entry in data["peers"][peer].items() if name in names}
        timed = measured(timed)
        # Each peer has a lane of its own in the row of a program.
        offset = 0.7 * ((lane + 0.5) / len(data["peers"]) - 0.5)
        heights = [names.index(name) + offset for name in timed]
        medians = [entry["median_ms"] for entry in timed.values()]
        tails = [entry["p95_ms"] or entry["median_ms"] for entry in timed.values()]
        axes.hlines(heights, medians, tails, color=look["color"], alpha=0.6)
        title = data["peers"][peer]["title"]
        axes.plot(medians, heights, linestyle="none", label=title, markersize=6.5, **look)
    axes.set(xscale="log", xlabel="ms", yticks=range(len(names)), yticklabels=names)
    axes.set_title("Time of a call: median, and a line up to p95", loc="left")
    axes.invert_yaxis()
    axes.grid(visible=True, axis="x")
    number_axis(axes.xaxis)
    chart.legend(loc="outside lower center", ncols=2)
    return chart


def throughput(data: Mapping[str, Any]) -> Figure:
    """Draw calls a second against the number of callers, a panel for each program."""
    peers = {name: measured(entry) for name, entry in measured(data).items()}
    names = list(dict.fromkeys(program for entry in peers.values() for program in entry))
    chart, panels = blank(8.5, 4.2, len(names))
    for panel, program in zip(panels, names, strict=True):
        for peer, look in looks(peers).items():
            if rates := peers[peer].get(program):
                panel.plot(list(rates), list(rates.values()), label=peer, linewidth=2, **look)
        panel.set(yscale="log", xlabel="callers")
        panel.set_title(program, loc="left")
        panel.grid(visible=True, axis="y")
        number_axis(panel.yaxis)
    panels[0].set_ylabel("calls a second")
    lines = {str(line.get_label()): line for panel in panels for line in panel.get_lines()}
    chart.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=3)
    return chart


def save(chart: Figure, folder: Path, name: str) -> None:
    """Write a chart as SVG and PNG, without the date or the version of the program."""
    for ending, metadata in (("svg", {"Date": None, "Creator": None}), ("png", {"Software": None})):
        path = folder / f"{name}.{ending}"
        chart.savefig(path, transparent=True, bbox_inches="tight", dpi=160, metadata=metadata)


def draw(results: Mapping[str, Any], folder: Path) -> None:
    """Write the chart of every section that was measured into `folder`."""
    parts = {
        "growth": (growth, results.get("growth")),
        "tasks": (tasks, results.get("tasks")),
        "latency": (latency, results.get("latency")),
        "throughput": (throughput, (results.get("scale") or {}).get("throughput")),
    }
    with mpl.rc_context(STYLE):
        for name, (chart, data) in parts.items():
            if data:
                save(chart(data), folder, name)
