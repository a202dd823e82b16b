"""No figure is typed by hand: the pages agree with results.json, and measure nowhere else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks import figures, report

RESULTS = report.RESULTS / "results.json"
MADE_UP: dict[str, Any] = {
    "made": "2001-02-03T04:05:06Z",
    "machine": {"cpu": "a made-up one", "cores": "2 cores"},
    "growth": {"operations": [10], "approaches": {"pymode": [450]}},
}

# A number, then perhaps words, then a unit of what the benchmarks measure.
FIGURE = re.compile(
    r"\d[\d,.]*(?: (?:to|and) \d[\d,.]*)?(?: (?:million|thousand|k))?"
    r"(?: ms| tokens| calls/s|(?: \w+){1,3} a second)\b"
)
# Figures that no run of the benchmarks makes, as (page, text): reason.
ALLOWED = {
    ("README.md", "under 500 tokens"): "a limit that tests/answers/test_prompts.py keeps",
}


def pages() -> list[Path]:
    return list(figures.PAGES)


def hand_typed(name: str, text: str) -> list[str]:
    """Return figures, each with what is before it, that are in no region and are not allowed."""
    # A figure may be broken between two lines.
    text = " ".join(figures.REGION.sub("", text).split())
    for page, allowed in ALLOWED:
        if page == name:
            text = text.replace(allowed, "")
    return [text[max(0, found.start() - 40) : found.end()] for found in FIGURE.finditer(text)]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_regions_of_a_page_are_what_the_results_say(page: Path) -> None:
    if not RESULTS.exists():
        pytest.skip("there is no benchmarks/results/results.json yet")
    assert figures.stale(page, json.loads(RESULTS.read_text())) == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_no_figure_is_typed_by_hand(page: Path) -> None:
    assert hand_typed(page.name, page.read_text()) == []


@pytest.mark.parametrize(("name", "allowed"), ALLOWED)
def test_every_allowed_figure_is_still_there(name: str, allowed: str) -> None:
    [page] = [page for page in pages() if page.name == name]
    assert allowed in " ".join(page.read_text().split())


@pytest.mark.parametrize(
    "line",
    [
        "a call takes 3.3 ms",
        "| WAF | 12 ms |",
        "costs 1.17 million tokens",
        "1,170,523 tokens",
        "≥ 250 calls/s",
        "eight callers get 209 such searches a second",
        "between 2.4 and\n5.0 ms",
    ],
)
def test_measurements_are_found(line: str) -> None:
    assert hand_typed("any.md", line)


@pytest.mark.parametrize(
    "line", ["`--max-tokens` | 6000", "a second run of 2", "30 days", "3 msgs"]
)
def test_limits_and_dates_are_no_measurements(line: str) -> None:
    assert hand_typed("any.md", line) == []


def test_a_region_is_written_from_the_results_and_nothing_else_changes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "A <!-- figures: made -->old<!-- /figures -->.\n\n"
        "<!-- figures: growth -->\nold\n<!-- /figures -->\nB\n"
    )
    assert figures.stale(page, MADE_UP) == ["made", "growth"]
    figures.update(page, MADE_UP)
    assert page.read_text() == (
        "A <!-- figures: made -->"
        "measured on 2001-02-03 (a made-up one, 2 cores)<!-- /figures -->.\n\n"
        "<!-- figures: growth -->\n"
        "| approach | 10 |\n| --- | ---: |\n| pymode | 450 |\n"
        "<!-- /figures -->\nB\n"
    )
    assert figures.stale(page, MADE_UP) == []


def test_a_region_without_its_section_says_that_nothing_was_measured() -> None:
    assert figures.render("readme-speed", MADE_UP) == "Not measured yet."


def test_a_region_with_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        figures.render("nothing", MADE_UP)
