"""The report says what was measured, what was not and why, and where pymode is not the best."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks import figures, report
from benchmarks.standing import Column, standing
from benchmarks.tables import figure, table


def counted(tokens: int) -> dict[str, int]:
    return {
        "o200k_base": tokens,
        "cl100k_base": tokens + 1,
        "as_sent_o200k_base": tokens * 2,
        "tools": 2,
    }


def played(tokens: int, why: str = "") -> dict[str, Any]:
    return {
        "ok": not why,
        "why": why,
        "tokens": tokens,
        "tokens_without_definitions": tokens - 100,
        "read": tokens - 10,
        "written": 10,
        "turns": 3,
        "requests": 5,
        "largest_context": tokens,
    }


def summed(solved: int, tokens: int) -> dict[str, int]:
    return {
        "solved": solved,
        "of": 2,
        "tokens_median": tokens,
        "tokens_total": tokens * solved,
        "without_definitions_median": tokens - 100,
        "turns_median": 3,
        "turns_total": 3 * solved,
        "requests_total": 5 * solved,
        "largest_context": tokens,
    }


def timed(milliseconds: float) -> dict[str, float]:
    return {
        "median_ms": milliseconds,
        "p95_ms": milliseconds * 2,
        "p99_ms": milliseconds * 3,
        "times": 50,
    }


def ended(stopped_by: str, next_call: str = "fine", host: str = "alive") -> dict[str, Any]:
    return {"stopped_by": stopped_by, "seconds": 1.5, "next_call": next_call, "host": host}


RESULTS: dict[str, Any] = {
    "made": "2001-02-03T04:05:06Z",
    "quick": False,
    "machine": {"cpu": "a made-up one", "cores": "2 cores"},
    "versions": {"python": "3.99", "pymode": "0.0"},
    "at_hand": {
        "documents": [
            {
                "name": "toy",
                "title": "Toy API",
                "source": "toy.json",
                "operations": 12,
                "bytes": 3456,
                "approaches": {
                    "classic-mcp": counted(4321),
                    "tool-search": {"skipped": "fastmcp is not installed"},
                    "cli": counted(150),
                    "pymode": counted(450),
                },
            }
        ],
        "missing": [{"name": "github", "reason": "no network"}],
    },
    "growth": {
        "operations": [10, 100],
        "approaches": {"classic-mcp": [300, None], "cli": [150, 200], "pymode": [450, 450]},
        "skipped": {"tool-search": "fastmcp is not installed"},
    },
    "tasks": {
        "document": "toy",
        "definitions": {"classic-mcp": 4321, "pymode": 450},
        "tasks": [
            {
                "id": "01-first",
                "title": "First",
                "kind": "join",
                "runs": {"classic-mcp": played(9000), "pymode": played(2000)},
            },
            {
                "id": "02-second",
                "title": "Second",
                "kind": "aggregate",
                "runs": {"classic-mcp": played(7000, "answer: 3, not 4"), "pymode": played(2500)},
            },
        ],
        "summary": {"classic-mcp": summed(1, 9000), "pymode": summed(2, 2250)},
        "skipped": {"tool-search": "fastmcp is not installed"},
    },
    "latency": {
        "document": "toy",
        "operations": 12,
        "peers": {
            "pymode-library": {
                "title": "pymode, library",
                "search-trivial": timed(4.0) | {"bar": {"most": 3.0}},
            },
            "monty": {"title": "Monty", "search-trivial": timed(2.0) | {"p99_ms": None}},
            "naive": {"title": "python -c", "search-trivial": {"skipped": "too slow"}},
        },
        "skipped": {"eryx": "pyeryx is not installed"},
    },
    "scale": {
        "rows": [
            {
                "what": "restart",
                "unit": "s",
                "value": 2.5,
                "bar": {"most": 1.5},
                "peer": "pymode-library",
            },
            {"what": "restart", "unit": "s", "value": 0.5, "peer": "monty"},
        ],
        "throughput": {
            "pymode-library": {"search-trivial": {"1": 200.0, "4": 400.0}},
            "monty": {"search-trivial": {"1": 100.0, "4": 100.0}},
            "eryx": {"skipped": "pyeryx is not installed"},
        },
        "skipped": {"eryx": "pyeryx is not installed"},
    },
    "limits_held": {
        "seconds": 5.0,
        "memory_bytes": 256 << 20,
        "attacks": [{"id": "loop", "title": "Endless loop"}, {"id": "sleep", "title": "Sleep"}],
        "peers": {
            "pymode": {"title": "pymode", "loop": ended("fuel"), "sleep": ended("its deadline")},
            "naive": {
                "title": "python -c",
                "loop": ended("nothing: ended by the harness", "no host to ask", "died: signal -9"),
                "sleep": ended("its deadline"),
            },
        },
        "skipped": {"eryx": "pyeryx is not installed"},
    },
    "model": None,
}


@pytest.fixture(scope="module")
def text() -> str:
    return report.render(RESULTS)


def part(text: str, title: str) -> str:
    """Return what stands under one heading, of whatever depth."""
    [found] = re.findall(
        rf"^(#+ {re.escape(title)}\n.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL
    )
    return found


def rows(text: str, name: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(f"| {name} ")]


def test_the_sections_stand_in_their_order(text: str) -> None:
    assert re.findall("^## (.*)", text, re.MULTILINE) == [
        "Tokens to have the API at hand",
        "Growth",
        "Tokens to finish a task",
        "Latency",
        "Scale and throughput",
        "Limits held",
        "With a model",
        "Published figures",
        "Method",
    ]


def test_every_table_of_a_comparison_has_a_sentence_on_where_pymode_stands(text: str) -> None:
    compared = text[: text.index("## With a model")]
    tables = re.findall(r"^\| ---", compared, re.MULTILINE)
    assert len(tables) == compared.count("**Where pymode stands.** ")


def test_a_skipped_approach_is_shown_with_its_reason_and_without_a_figure(text: str) -> None:
    section = part(text, "Toy API: 12 operations, 3,456 bytes")
    [row] = rows(section, "tool-search")
    assert "skipped" in row
    assert not re.search(r"\d", row)
    assert "Skipped: tool-search (fastmcp is not installed)." in section


def test_a_missing_document_is_named_with_its_reason(text: str) -> None:
    assert "Documents not at hand. Skipped: github (no network)." in text


@pytest.mark.parametrize("title", ["Growth", "Tokens to finish a task", "Latency", "Limits held"])
def test_what_a_section_skipped_is_named_in_it(text: str, title: str) -> None:
    assert re.search(r"Skipped: \S+ \(\w+ is not installed\)\.", part(text, title))


def test_a_skipped_program_of_a_peer_is_no_zero(text: str) -> None:
    section = part(text, "search-trivial")
    [row] = rows(section, "python -c")
    assert not re.search(r"\d", row)
    assert "Skipped: naive (too slow)." in section


def test_what_could_not_be_counted_is_no_zero(text: str) -> None:
    [row] = rows(part(text, "Growth"), "classic-mcp")
    assert row == "| classic-mcp | 300 | \N{EN DASH} |"


def test_a_disqualified_run_is_named_and_has_no_figure(text: str) -> None:
    section = part(text, "Tokens to finish a task")
    assert "- classic-mcp in 02-second: answer: 3, not 4" in section
    assert rows(part(text, "Tokens"), "02-second") == ["| 02-second (aggregate) | wrong | 2,500 |"]
    assert "Compared over the 1 of 2 tasks that all solved." in section


def test_latencies_have_ratios_to_pymode(text: str) -> None:
    assert rows(part(text, "search-trivial"), "Monty") == [
        "| Monty | 2 | 4 | \N{EN DASH} | 0.50 | 50 |"
    ]


def test_a_sentence_says_where_pymode_is_behind_and_by_how_much(text: str) -> None:
    assert (
        "Best in 0 of 2. Behind monty in 2: median, 2 against 4 ms (2.0 times, 2nd of 2); "
        "p95, 4 against 8 ms (2.0 times, 2nd of 2)."
    ) in part(text, "search-trivial")


def test_a_bar_that_is_not_met_is_called_missed(text: str) -> None:
    section = part(text, "Scale and throughput")
    assert rows(section, "restart")[0].endswith("| ≤ 1.50 s, missed |")
    assert "0 of 1 met; missed: restart." in section
    assert "pymode-library ≤ 3 ms, missed." in part(text, "search-trivial")


def test_an_attack_that_nothing_stopped_is_not_held(text: str) -> None:
    section = part(text, "Limits held")
    assert "Held: pymode 2 of 2, naive 1 of 2." in section
    assert "next call: no host to ask; host died: signal -9" in section


def test_a_section_that_was_not_measured_says_so() -> None:
    partial = {key: value for key, value in RESULTS.items() if key != "latency"}
    assert "Not measured yet." in part(report.render(partial), "Latency")


def test_a_model_has_its_success_its_cost_and_its_failures_reported() -> None:
    def total(solved: int, seconds: float, dollars: float | None) -> dict[str, Any]:
        return {
            "solved": solved,
            "of": 2,
            "success_rate": solved / 2,
            "tokens_median": 1000,
            "turns_median": 3,
            "seconds_median": seconds,
            "model_seconds_median": seconds,
            "tokens_total": 2000,
            "cost_total": dollars,
            "cost_of_a_solved_task": dollars,
        }

    failed = {"ok": False, "why": "no answer after 20 turns"}
    played_by_a_model = {
        "model": "made-up-model",
        "repeat": 2,
        "document": "toy",
        "tasks": [{"id": "01-first", "runs": {"pymode": [{"ok": True}, failed]}}],
        "summary": {"pymode": total(1, 9.0, 0.5), "cli": total(2, 30.0, None)},
        "skipped": {},
    }
    section = part(report.render(RESULTS | {"model": played_by_a_model}), "With a model")
    assert rows(section, "pymode")[0].startswith("| pymode | 1 of 2 | 0.50 | 1,000 | 3 | 9 |")
    assert rows(section, "cli")[0].endswith("| \N{EN DASH} | \N{EN DASH} |")
    assert "- pymode in 01-first: no answer after 20 turns" in section
    assert "Behind cli in 1: success rate, 1 against 0.50" in section


def test_a_quick_run_is_called_quick() -> None:
    assert "A quick run" in report.render(RESULTS | {"quick": True})


def test_published_figures_have_a_source_and_a_date_and_stand_apart(text: str) -> None:
    published = json.loads(figures.PUBLISHED.read_text())["published"]
    section = part(text, "Published figures")
    for row in published:
        assert f"{row['value']:,} {row['unit']}" in section
        assert row["source"] in section
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["date"])
        assert f"{row['value']:,}" not in text.replace(section, "")


def test_level_and_ahead_are_told_apart() -> None:
    columns = [
        Column("first", {"pymode-http": 5, "pymode-library": 1, "other": 2}),
        Column("second", {"pymode": 1.0, "other": 1.03}, noise=0.05),
        Column("third", {"pymode": 1, "other": 2}, most=True),
        Column("alone", {"pymode": 1}),
    ]
    assert standing(columns) == (
        "**Where pymode stands.** Best in 1 of 3 (first). Level with the best in 1 of 3 (second). "
        "Behind other in 1: third, 2 against 1 (2.0 times, 2nd of 2)."
    )


def test_without_a_rival_nothing_is_claimed() -> None:
    assert "nothing to compare" in standing([Column("alone", {"pymode": 1})])


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "\N{EN DASH}"), (1170523, "1,170,523"), (0.654, "0.65"), (12.34, "12.3"), (3.0, "3")],
)
def test_figures_have_the_digits_that_count(value: float | None, shown: str) -> None:
    assert figure(value) == shown


def test_a_bar_in_a_cell_does_not_break_the_table() -> None:
    assert table(("a",), [["x|y\nz"]]).splitlines()[-1] == "| x\\|y z |"


def test_charts_are_the_same_bytes_for_the_same_results(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="charts need matplotlib, of the extra bench")
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        report.write(copy.deepcopy(RESULTS), folder, pages=())
    first, second = ({path.name: path.read_bytes() for path in f.iterdir()} for f in folders)
    names = {
        f"{chart}.{end}"
        for chart in ("growth", "tasks", "latency", "throughput")
        for end in ("svg", "png")
    }
    assert set(first) == names | {"report.md"}
    assert first == second


def test_the_comparison_shows_what_tasks_take() -> None:
    shown = figures.render("comparison-tasks", RESULTS)
    assert rows(shown, "pymode") == ["| pymode | 2 of 2 | 2,250 | 3 | 10 | 2,250 |"]
    assert rows(shown, "classic-mcp") == ["| classic-mcp | 1 of 2 | 9,000 | 3 | 5 | 9,000 |"]
    assert "Skipped: tool-search (fastmcp is not installed)." in shown
    assert "Compared over the 1 of 2 tasks that all solved." in shown
