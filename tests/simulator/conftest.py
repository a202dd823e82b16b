"""A fresh simulated API for each test."""

from __future__ import annotations

import pytest
from simulator_client import Api


@pytest.fixture
def api() -> Api:
    """Give a client of a freshly seeded API, with a token that may write."""
    return Api()
