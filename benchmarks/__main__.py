"""Measures everything that needs no network and no model: `python -m benchmarks`.

Results go to benchmarks/results: results.json, report.md and charts, and the figures to the pages
of the project. A quick run, or one of your own documents, goes to benchmarks/results/own.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys
import time
import traceback
from collections.abc import Callable, Coroutine, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import results
from benchmarks.options import Options, Progress

Section = Callable[[Options, Progress], Coroutine[Any, Any, dict[str, Any]]]

# What `--only` names: modules with `measure`, and the section that each one makes. The module
# `at_hand` makes two and names them itself.
GROUPS: dict[str, dict[str, str | None]] = {
    "tokens": {"at_hand": None},
    "tasks": {"play": "tasks"},
    "latency": {"latency": "latency"},
    "scale": {"scale": "scale", "limits_held": "limits_held"},
}
MODEL = {"model": "model"}
MODEL_ONLY = ("base_url", "repeat", "price_in", "price_out")
# Without these nothing can be counted, measured or drawn; a peer that is missing is only skipped.
NEEDED = ("bpe-openai", "matplotlib", "psutil")
INSTALL = "pip install '.[bench]'"


def read_options(words: Sequence[str] | None = None) -> Options:
    """Return what the command line asks for; wrong usage ends the process with status 2."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument(
        *("--spec", "-s"),
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="an OpenAPI document to measure in place of the default ones, repeatable; tasks "
        "keep their own",
    )
    parser.add_argument(
        "--only", action="append", default=[], choices=GROUPS, help="measure only this; repeatable"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a look: fewer calls and tasks, small documents"
    )
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="let a model play the tasks, openai:NAME or anthropic:NAME, with a key from the "
        "environment; nothing else is measured then, unless --only asks for it",
    )
    parser.add_argument("--base-url", metavar="URL", help="the model's endpoint")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="plays of each task")
    for name in ("in", "out"):
        parser.add_argument(
            f"--price-{name}", type=float, metavar="DOLLARS", help="of a million tokens"
        )
    given = vars(parser.parse_args(words))
    specs, only = given.pop("spec"), given.pop("only")
    for path in specs:
        if not path.is_file():
            parser.error(f"--spec {path}: there is no such file")
    if len({path.stem for path in specs}) < len(specs):
        parser.error("two files of --spec have the same name; results could not tell them apart")
    if given["repeat"] < 1:
        parser.error("--repeat must be at least 1")
    if given["model"] is None and any(
        given[name] != parser.get_default(name) for name in MODEL_ONLY
    ):
        parser.error("--base-url, --repeat and prices go with --model")
    return Options(specs=tuple(specs), only=tuple(only), **given)


def find_unusable(options: Options) -> list[str]:
    """Return why documents of `--spec` cannot be read."""
    from benchmarks.documents import Missing, load_documents

    documents = load_documents(options.specs) if options.specs else []
    return [document.reason for document in documents if isinstance(document, Missing)]


def find_missing() -> list[str]:
    """Return the distributions that the benchmarks cannot do without and that are not there."""
    absent = []
    for name in NEEDED:
        try:
            distribution(name)
        except PackageNotFoundError:
            absent.append(name)
    return absent


def choose_modules(options: Options) -> dict[str, str | None]:
    """Return the modules to run, with the section that each makes."""
    groups = options.only or (() if options.model else tuple(GROUPS))
    chosen = {module: section for group in groups for module, section in GROUPS[group].items()}
    return {**chosen, **(MODEL if options.model else {})}


def load_section(module: str) -> Section:
    """Return `measure` of a module; only now, so that what one section needs the others do not."""
    section: Section = importlib.import_module(f"benchmarks.{module}").measure
    return section


def measure(
    options: Options,
    console: Console,
    folder: Path = results.FOLDER,
    load: Callable[[str], Section] = load_section,
) -> tuple[results.Results, list[str]]:
    """Run the sections; each is written when it is there, so that a later failure loses nothing.

    Returns:
        The results, and the modules that failed.
    """
    from benchmarks.machine import describe_machine, find_versions

    about = {"machine": describe_machine(), "versions": find_versions()}
    earlier = results.read(folder)
    whole = results.merge(earlier, {}, quick=options.quick, **about)
    if earlier and len(whole) < len(earlier):
        console.print("earlier results are of another machine, versions or pace: starting anew")
    failed = []
    for module, section in choose_modules(options).items():
        started = time.monotonic()

        def progress(line: str, module: str = module, started: float = started) -> None:
            seconds = time.monotonic() - started
            console.print(f"{module} {seconds:5.0f} s  {line}", highlight=False, markup=False)

        progress("begins")
        try:
            made = asyncio.run(load(module)(options, progress))
        except Exception:
            console.print(traceback.format_exc(), highlight=False, markup=False)
            failed.append(module)
            continue
        sections = {section: made} if section else made
        whole = results.merge(whole, sections, quick=options.quick, **about)
        results.write(whole, folder)
    return whole, failed


def summarise(whole: results.Results) -> Table:
    """Return the table of approaches that a run ends with."""
    documents = whole.get("at_hand", {}).get("documents", [])
    tasks = whole.get("tasks", {}).get("summary", {})
    table = Table("approach", title="Tokens in the context before the first word, and for a task")
    for document in documents:
        table.add_column(
            f"{document['name']}\n{document['operations']:,} operations", justify="right"
        )
    if tasks:
        table.add_column("tasks solved", justify="right")
        table.add_column("a task, median", justify="right")
    names = dict.fromkeys([*(name for each in documents for name in each["approaches"]), *tasks])
    for name in names:
        cells = [
            f"{tokens:,}" if (tokens := each["approaches"][name].get("o200k_base")) else "skipped"
            for each in documents
        ]
        if tasks:
            run = tasks.get(name, {})
            median = run.get("tokens_median")
            cells.append(f"{run['solved']} of {run['of']}" if run else "-")
            cells.append("-" if median is None else f"{median:,.0f}")
        table.add_row(name, *cells)
    return table


def choose_folder(options: Options) -> Path:
    """Return where results go: those of a look, or of other documents, are not the project's."""
    return results.FOLDER / "own" if options.quick or options.specs else results.FOLDER


def main() -> None:
    options = read_options()
    console = Console(stderr=True, soft_wrap=True)
    if absent := find_missing():
        console.print(f"not installed: {', '.join(absent)}. Run {INSTALL}", markup=False)
        sys.exit(2)
    if unusable := find_unusable(options):
        console.print("\n".join(unusable), markup=False)
        sys.exit(2)
    started = time.monotonic()
    folder = choose_folder(options)
    whole, failed = measure(options, console, folder)
    from benchmarks import figures, report

    try:
        report.write(whole, folder, figures.PAGES if folder == results.FOLDER else ())
    finally:
        Console().print(summarise(whole))
    console.print(f"{time.monotonic() - started:.0f} s; the report is {folder / 'report.md'}")
    if failed:
        console.print(f"failed: {', '.join(failed)}; see above")
        sys.exit(1)


if __name__ == "__main__":
    main()
