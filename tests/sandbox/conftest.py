"""One runtime for all tests of this folder, kept for the next run."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from pymode.sandbox import linked, runtimes


@pytest.fixture(scope="session")
def runtime_folder(user_folders: Path) -> Path:
    with (user_folders / "runtime.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return runtimes.find(user_folders) or runtimes.make(user_folders)


@pytest.fixture(scope="session")
def runtime(runtime_folder: Path) -> linked.Runtime:
    return linked.read(runtime_folder)
