"""Rooms import in one direction: no arrow runs upward, and nothing runs in a circle."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from paths import REPOSITORY

# From the top down: a room may import rooms below it, and none above or beside it.
ORDER = [
    {"__main__"},
    {"cli"},
    {"adapters", "demo"},
    {"codemode"},
    {"server", "agents"},
    {"call"},
    {"apis", "tools"},
    {"actions"},
    {"log"},
    {"policy"},
    {"sandbox", "answers"},
    {"documents", "simulator"},
    {"http", "protocol"},
    {"namespaces", "limits", "data"},
    {"errors"},
]
FLOORS = {room: floor for floor, rooms in enumerate(reversed(ORDER)) for room in rooms}


def find_modules() -> dict[str, Path]:
    """Every module of the package, by its dotted name."""
    modules = {}
    for path in (REPOSITORY / "pymode").rglob("*.py"):
        parts = path.relative_to(REPOSITORY).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


MODULES = find_modules()


def find_imports(module: str) -> Iterator[str]:
    """The modules of the package that a module imports, also for types only."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pymode"):
            for alias in node.names:
                target = f"{node.module}.{alias.name}"
                yield target if target in MODULES else str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("pymode"))


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_every_room_has_its_place_in_the_order() -> None:
    rooms = {room_of(module) for module in MODULES} - {""}
    assert rooms == set(FLOORS)


def test_no_room_imports_one_above_or_beside_it() -> None:
    upward = [
        f"{module} -> {target}"
        for module in MODULES
        for target in find_imports(module)
        # `pymode` itself holds the version and hands out the public names lazily.
        if room_of(module) and room_of(target) and room_of(module) != room_of(target)
        if FLOORS[room_of(module)] <= FLOORS[room_of(target)]
    ]
    assert upward == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    imports: dict[str, set[str]] = {module: set() for module in MODULES}
    for module in MODULES:
        # A package's own `__init__` gathers what is in it.
        if MODULES[module].name != "__init__.py":
            imports[module] = {target for target in find_imports(module) if target != module}

    def reaches(start: str) -> set[str]:
        found, pending = set(), [start]
        while pending:
            for target in imports.get(pending.pop(), set()) - found:
                found.add(target)
                pending.append(target)
        return found

    assert [module for module in list(imports) if module in reaches(module)] == []


def test_what_runs_a_call_loads_no_webassembly_of_its_own() -> None:
    """Only workers and the builder need wasmtime, so a program that embeds pymode starts sooner."""
    script = "import sys, pymode.call.run, pymode.agents; print('wasmtime' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
