"""The command line of the benchmarks, and how results are merged."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks import __main__ as command
from benchmarks import approaches, documents, results
from benchmarks.options import Options, Progress

ABOUT: dict[str, Any] = {"quick": False, "machine": {"cores": "2 cores"}, "versions": {"a": "1"}}


def test_everything_but_the_model_is_measured_by_default() -> None:
    chosen = command.choose_modules(command.read_options([]))
    assert list(chosen) == ["at_hand", "play", "latency", "scale", "limits_held"]
    assert all(importlib.util.find_spec(f"benchmarks.{module}") for module in chosen)


def test_only_and_model_choose_sections() -> None:
    assert list(command.choose_modules(command.read_options(["--only", "tokens"]))) == ["at_hand"]
    words = ["--model", "openai:a", "--repeat", "3"]
    assert command.choose_modules(command.read_options(words)) == {"model": "model"}
    both = command.choose_modules(command.read_options([*words, "--only", "tasks"]))
    assert list(both) == ["play", "model"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--spec", "nowhere.json"], "--spec nowhere.json: there is no such file"),
        (["--only", "everything"], "invalid choice"),
        (["--repeat", "3"], "go with --model"),
        (["--model", "openai:a", "--repeat", "0"], "at least 1"),
    ],
)
def test_wrong_usage_is_explained(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.read_options(words)
    assert complaint in capsys.readouterr().err


def test_files_of_one_name_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "api.json").write_text(documents.small().text)
    words = ["--spec", str(tmp_path / "a/api.json"), "--spec", str(tmp_path / "b/api.json")]
    with pytest.raises(SystemExit, match="2"):
        command.read_options(words)
    assert "the same name" in capsys.readouterr().err


def test_a_missing_extra_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "NEEDED", ("not-there-at-all",))
    monkeypatch.setattr(sys, "argv", ["benchmarks"])
    with pytest.raises(SystemExit, match="2"):
        command.main()
    assert "not-there-at-all. Run pip install '.[bench]'" in capsys.readouterr().err


def test_sections_of_one_machine_and_version_are_merged(tmp_path: Path) -> None:
    first = results.merge(None, {"tasks": 1, "scale": 2}, **ABOUT)
    results.write(first, tmp_path)
    second = results.merge(results.read(tmp_path), {"tasks": 3}, **ABOUT)
    assert (second["tasks"], second["scale"], second["model"]) == (3, 2, None)


@pytest.mark.parametrize("change", [{"quick": True}, {"machine": {}}, {"versions": {"a": "2"}}])
def test_figures_of_another_run_are_dropped(change: dict[str, Any]) -> None:
    """Quick and full figures, machines and versions do not stand in one table."""
    first = results.merge(None, {"tasks": 1}, **ABOUT)
    assert "tasks" not in results.merge(first, {"scale": 2}, **{**ABOUT, **change})


def test_a_look_and_other_documents_leave_the_figures_of_the_project_alone(tmp_path: Path) -> None:
    document = tmp_path / "api.json"
    document.write_text(documents.small().text)
    own = results.FOLDER / "own"
    assert command.choose_folder(command.read_options([])) == results.FOLDER
    assert command.choose_folder(command.read_options(["--quick"])) == own
    assert command.choose_folder(command.read_options(["--spec", str(document)])) == own


def test_no_results_and_damaged_results_are_none(tmp_path: Path) -> None:
    assert results.read(tmp_path) is None
    (tmp_path / "results.json").write_text("{")
    assert results.read(tmp_path) is None


def test_a_failing_section_keeps_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each section is written when it is there."""

    async def good(_: Options, progress: Progress) -> dict[str, Any]:
        progress("half [of] it")
        return {"rows": []}

    async def bad(_: Options, __: Progress) -> dict[str, Any]:
        raise OSError("the disk is full")

    options = command.read_options(["--only", "scale"])
    load = {"scale": good, "limits_held": bad}.__getitem__
    whole, failed = command.measure(options, Console(stderr=True), tmp_path, load)
    assert failed == ["limits_held"]
    assert whole["scale"] == {"rows": []}
    assert results.read(tmp_path) == whole
    said = capsys.readouterr().err
    assert "half [of] it" in said
    assert "the disk is full" in said


def test_the_summary_shows_what_was_skipped_as_skipped() -> None:
    found = {"raw": {"o200k_base": 1234}, "cli": {"skipped": "jmespath is not installed"}}
    document = {"name": "bookshop", "operations": 10, "approaches": found}
    console = Console(width=100)
    with console.capture() as shown:
        console.print(command.summarise({"at_hand": {"documents": [document]}}))
    assert "1,234" in shown.get()
    assert "skipped" in shown.get()


def test_an_approach_that_is_not_installed_says_so() -> None:
    class Absent:
        name, title, requires = "absent", "Absent", ("not-there-at-all",)

    assert approaches.missing(Absent()) == "not-there-at-all is not installed"
    assert [approach.name for approach in approaches.ALL if not approach.requires] == [
        "raw",
        "pymode",
    ]
