"""Lets these tests import the guest package, which lives in wasm/."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "wasm"))
