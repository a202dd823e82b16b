"""Lets these tests import what lies beside them in tests/, and the guest package from wasm/."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent / "wasm")]
