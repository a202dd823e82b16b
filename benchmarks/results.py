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
    """Return the results of earlier runs, None where there are none."""
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
    """Return `earlier` with new `sections` in the place of old ones.

    Figures stand side by side only when they come from the same machine and the same versions, and
    a quick figure never stands beside a full one: otherwise the earlier sections are dropped.
    """
    about = {"quick": quick, "machine": dict(machine), "versions": dict(versions)}
    same = earlier is not None and all(earlier.get(key) == about[key] for key in about)
    made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    kept = earlier if earlier is not None and same else {"model": None}
    return {**kept, "made": made, **about, **sections}


def write(results: Mapping[str, Any], folder: Path = FOLDER) -> None:
    """Write results.json whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "results.json.part"
    part.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    part.replace(folder / "results.json")
