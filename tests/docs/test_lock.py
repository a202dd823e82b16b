"""constraints.txt fits pyproject.toml: all that is asked for is locked, to a version in range."""

from __future__ import annotations

import re
import tomllib
from itertools import chain

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from paths import REPOSITORY

LOCK = (REPOSITORY / "constraints.txt").read_text()
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"].values()
WANTED = sorted({*PROJECT["dependencies"], *chain.from_iterable(EXTRAS)})
LOCKED = [Requirement(line) for line in LOCK.splitlines() if line and not line.startswith("#")]
HINT = "run .ci/lock, then the tests"


@pytest.mark.parametrize("requirement", [*map(Requirement, WANTED)], ids=str)
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_a_dependency_is_locked_once_and_within_its_range(
    requirement: Requirement, python: str, system: str
) -> None:
    """On each Python and system, since a lock may hold several versions with their markers."""
    here = {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": system,
        "platform_python_implementation": "CPython",
    }
    if requirement.marker is not None and not requirement.marker.evaluate(here):
        return
    name = canonicalize_name(requirement.name)
    found = [
        locked
        for locked in LOCKED
        if canonicalize_name(locked.name) == name
        and (locked.marker is None or locked.marker.evaluate(here))
    ]
    assert len(found) == 1, HINT
    [pin] = found[0].specifier
    assert pin.operator == "=="
    assert requirement.specifier.contains(pin.version, prereleases=True), HINT


def test_the_lock_works_with_any_index() -> None:
    """A hash or an address would tie it to the platform or the machine where it was made."""
    assert not re.search(r"--hash|://|^-", LOCK, re.MULTILINE)
    assert all(locked.url is None and not locked.extras for locked in LOCKED), "pip refuses these"
