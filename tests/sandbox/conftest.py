"""One runtime for all tests of this folder, kept for the next run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pymode.sandbox import cache, linked, runtimes


@pytest.fixture(scope="session")
def runtime_folder(user_folders: Path) -> Path:
    folder = cache.open_folder()
    return asyncio.run(runtimes.open_runtime(folder, lambda _fraction, _sentence: None))


@pytest.fixture(scope="session")
def runtime(runtime_folder: Path) -> linked.Runtime:
    return linked.read(runtime_folder)
