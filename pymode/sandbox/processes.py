"""How the sandbox starts its own processes: with an empty environment and few folders."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from pymode.errors import SandboxError

# Neither the environment nor site-packages as a whole are needed.
_BOOTSTRAP = "import sys; sys.path[:0] = sys.argv[2:]; from pymode.sandbox.{} import main; main()"


def write_command(module: str, settings: str, packages: tuple[str, ...] = ()) -> list[str]:
    """Return the command that runs the `main` of a module of the sandbox.

    Args:
        module: its name in `pymode.sandbox`.
        settings: its only argument.
        packages: what it imports besides wasmtime.

    Raises:
        SandboxError: a package is not installed.
    """
    folders = dict.fromkeys(_find_folder(name) for name in ("pymode", "wasmtime", *packages))
    return [sys.executable, "-I", "-S", "-c", _BOOTSTRAP.format(module), settings, *folders]


def _find_folder(package: str) -> str:
    """Return the folder that a package is imported from, without importing it.

    Only a worker needs wasmtime, and importing it takes the parent a tenth of a second.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SandboxError(f"the package {package} is not installed; install pymode again")
    return str(Path(next(iter(spec.submodule_search_locations))).parent)
