"""Where the repository and what lies beside it are."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TESTS = REPOSITORY / "tests"
# Real documents for tests and benchmarks; tests that need one skip where the folder is missing.
SHARED_SPECS = REPOSITORY.parent / "shared" / "specs"
