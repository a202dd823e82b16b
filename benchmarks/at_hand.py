"""Tokens to have an API at hand: what a model reads before its first word, and how that grows.

Every figure is counted from what the approach's real server sent to a real client. With large
documents FastMCP takes seconds and hundreds of megabytes, so each count runs in a process pool that
ends afterwards.
"""

from __future__ import annotations

import asyncio
import dataclasses
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from benchmarks import approaches, documents
from benchmarks.counting import ENCODINGS, count
from benchmarks.documents import Document, Missing
from benchmarks.options import Options, Progress

GROWTH = (10, 100, 1_000, 2_800, 25_000)
# A quick run leaves out large documents, with which FastMCP takes longest.
QUICK_GROWTH = (10, 100, 1_000)
QUICK_BYTES = 6_000_000
# No more at a time, because each takes up to 900 MB.
PROCESSES = 2

Figures = dict[str, Any]


async def measure(options: Options, progress: Progress) -> Figures:
    """Return the sections "at_hand" and "growth"."""
    found, missing = find_documents(options)
    steps = [documents.multiply(documents.small(), operations) for operations in growth(options)]
    figures = await measure_all([*found, *steps], progress)
    return {
        "at_hand": {
            "documents": [
                {
                    "name": document.name,
                    "title": document.title,
                    "source": document.source,
                    "operations": document.operations,
                    "bytes": len(document.text.encode()),
                    "approaches": figures[document.name],
                }
                for document in found
            ],
            "missing": [dataclasses.asdict(document) for document in missing],
        },
        "growth": describe_growth([figures[step.name] for step in steps], growth(options)),
    }


def growth(options: Options) -> tuple[int, ...]:
    return QUICK_GROWTH if options.quick else GROWTH


def find_documents(options: Options) -> tuple[list[Document], list[Missing]]:
    """Return the documents to measure, and those that are missing or left out."""
    found, missing = [], []
    for document in documents.load_documents(options.specs):
        if isinstance(document, Missing):
            missing.append(document)
        elif options.quick and not options.specs and len(document.text) > QUICK_BYTES:
            missing.append(Missing(document.name, "left out of a quick run"))
        else:
            found.append(document)
    return found, missing


async def measure_all(
    measured: Sequence[Document], progress: Progress
) -> dict[str, dict[str, Figures]]:
    """Return the figures by document and approach, measured in parallel, the largest first."""
    loop = asyncio.get_running_loop()
    context = multiprocessing.get_context("spawn")
    processes = min(PROCESSES, os.cpu_count() or 1)
    figures: dict[str, dict[str, Figures]] = {document.name: {} for document in measured}
    with ProcessPoolExecutor(processes, mp_context=context) as pool:

        async def one(document: Document, approach: str) -> None:
            # A fresh copy, because the parsed document in the old one would be pickled, too.
            copy = dataclasses.replace(document)
            taken = await loop.run_in_executor(pool, count_definitions, copy, approach)
            figures[document.name][approach] = taken
            said = taken.get("skipped") or f"{taken[ENCODINGS[0]]:,} tokens"
            progress(f"{document.title}, {document.operations:,} operations, {approach}: {said}")

        largest_first = sorted(measured, key=lambda document: -len(document.text))
        # The largest first, so that no long count is left for the end.
        await asyncio.gather(
            *(one(document, a.name) for document in largest_first for a in approaches.ALL)
        )
    return {
        name: {a.name: taken[a.name] for a in approaches.ALL} for name, taken in figures.items()
    }


def count_definitions(document: Document, name: str) -> Figures:
    """Open one approach over one document and count its tokens; this runs in a pool's process."""
    approach = next(approach for approach in approaches.ALL if approach.name == name)
    if why := approaches.missing(approach):
        return {"skipped": why}
    try:
        return asyncio.run(count_session(document, approach))
    except Exception as error:
        return {"skipped": f"{type(error).__name__}: {error}"[:300]}


async def count_session(document: Document, approach: approaches.Approach) -> Figures:
    async with approach.open(document, None) as session:
        return {
            **{encoding: count(session.definitions, encoding) for encoding in ENCODINGS},
            f"as_sent_{ENCODINGS[0]}": count(session.definitions_as_sent),
            "tools": len(session.tools),
        }


def describe_growth(steps: Sequence[dict[str, Figures]], operations: Sequence[int]) -> Figures:
    """Return the tokens of each approach by number of operations, None for a missing figure."""
    lines: dict[str, list[int | None]] = {}
    skipped = {}
    for approach in approaches.ALL:
        taken = [step[approach.name] for step in steps]
        reasons = [figures["skipped"] for figures in taken if "skipped" in figures]
        if reasons:
            skipped[approach.name] = reasons[-1]
        if len(reasons) < len(taken):
            lines[approach.name] = [figures.get(ENCODINGS[0]) for figures in taken]
    return {"operations": list(operations), "approaches": lines, "skipped": skipped}
