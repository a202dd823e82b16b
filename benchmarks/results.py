"""results.json: read, merged section by section, written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Results = dict[str, Any]

FOLDER = Path(__file__).resolve().parent / "results"


def read(folder: Path = FOLDER) -> Results | None:
    """Return the results of earlier runs, or None if there are none."""
    try:
        return json.loads((folder / "results.json").read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def merge(
    earlier: Mapping[str, Any] | None,
    sections: Mapping[str, Any],
    *,
    quick: bool,
    machine: Mapping[str, str],
    versions: Mapping[str, str],
) -> Results:
    """Return `earlier` with new `sections` instead of old ones.

    The earlier sections are dropped if they come from another machine or other versions, or if only
    one of both runs was quick: such figures cannot be compared.
    """
    about = {"quick": quick, "machine": dict(machine), "versions": dict(versions)}
    same = earlier is not None and all(earlier.get(key) == about[key] for key in about)
    made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    kept = earlier if earlier is not None and same else {"model": None}
    return {**kept, "made": made, **about, **sections}


def write(results: Mapping[str, Any], folder: Path = FOLDER) -> None:
    """Write results.json through a rename, so that nobody reads half of it."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "results.json.part"
    part.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    part.replace(folder / "results.json")
