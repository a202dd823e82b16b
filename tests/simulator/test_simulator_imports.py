"""The simulator stands apart from the rest of the package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from paths import REPOSITORY

PACKAGE = REPOSITORY / "pymode"


def imports_of(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield each file below a folder with each module that it imports anywhere."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            for name in names:
                yield path.relative_to(PACKAGE).as_posix(), name


def test_only_the_demo_imports_the_simulator() -> None:
    """A call must not depend on it, so that it can leave the package one day."""
    importers = {
        path
        for path, name in imports_of(PACKAGE)
        if name.startswith("pymode.simulator") and not path.startswith("simulator/")
    }
    assert importers == {"demo/play.py"}


def test_the_simulator_imports_nothing_of_pymode_but_its_errors() -> None:
    """A simulated API that shares code with its client would share its mistakes."""
    foreign = {
        name
        for _, name in imports_of(PACKAGE / "simulator")
        if name.startswith("pymode.") and not name.startswith("pymode.simulator")
    }
    assert foreign == {"pymode.errors.SimulatorError"}
