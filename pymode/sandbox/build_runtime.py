"""Builds the runtime: the guest and CPython in one component, taken apart and compiled.

    python -m pymode.sandbox.build_runtime FOLDER [TARGET | --from RUNTIME]

The package build runs it, so that a wheel carries a runtime that only has to be mapped. TARGET is
the platform to compile for, such as `x86_64-apple-darwin`; without one it is the least processor of
this platform. RUNTIME is the folder of a runtime that does not fit this machine. wasmtime's own
wheels compile for their own kind of processor only, so a wheel for both kinds of machines is made
with `any`: it carries no compiled code and is compiled at its first use.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zlib
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

from pymode import data
from pymode.errors import ImageError
from pymode.sandbox import hardening, linked
from pymode.sandbox.component import UnsoundComponent, take_apart
from pymode.sandbox.engine import BUNDLED, MANIFEST, find_target

COMPONENT: Final = "component.z"
"""The component, compressed: where the compiled code does not fit, it is compiled again."""

ANY: Final = "any"
"""The target of a runtime that is compiled where it is used."""

BUILD_SECONDS: Final = 600.0
# Two thirds of the best size in a fifth of the time.
_COMPRESSION: Final = 3
# Only the staged folder may be imported, and no site-packages: see `_componentize`.
_COMPONENTIZE: Final = (
    "import ctypes, sys; sys.platform == 'linux' and ctypes.CDLL(None).prctl(1, 9); "
    "sys.path.append(sys.argv.pop(1)); "
    "from componentize_py import script; sys.exit(script())"
)


def build(folder: Path, target: str | None = None) -> None:
    """Build the runtime from the guest's sources.

    Args:
        folder: where the files go; it appears when they are whole.
        target: the platform to compile for, or `ANY`; this one if absent.

    Raises:
        ImageError: a step failed; the message ends with what it printed.
    """
    with _scratch(folder) as scratch:
        app, component = Path(scratch) / "app", Path(scratch) / "component.wasm"
        _stage(app)
        _componentize(app, component)
        _compile(component.read_bytes(), folder, Path(scratch), target or find_target())


def compile_again(source: Path, folder: Path) -> None:
    """Compile a runtime for this machine, from the component that it holds.

    Args:
        source: the folder of a runtime for another platform or of another version of wasmtime.
        folder: where the files go; it appears when they are whole.

    Raises:
        ImageError: it cannot be compiled.
    """
    try:
        component = zlib.decompress((source / COMPONENT).read_bytes())
    except (OSError, zlib.error) as error:
        msg = f"the sandbox in {source} is damaged ({error}); install pymode again"
        raise ImageError(msg) from None
    with _scratch(folder) as scratch:
        _compile(component, folder, Path(scratch), find_target())


def _scratch(folder: Path) -> tempfile.TemporaryDirectory[str]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside the folder, so that what is whole is moved by one rename.
    return tempfile.TemporaryDirectory(dir=folder.parent, prefix="build-")


def _compile(component: bytes, folder: Path, scratch: Path, target: str) -> None:
    made = scratch / "runtime"
    made.mkdir()
    try:
        parts = take_apart(component)
        if target == ANY:
            (made / MANIFEST).write_text(json.dumps({"target": ANY}))
        else:
            linked.write(parts, made, target)
    except (UnsoundComponent, linked.RuntimeDamaged) as error:
        msg = f"the sandbox cannot be built: {error}"
        raise ImageError(msg) from None
    (made / COMPONENT).write_bytes(zlib.compress(component, _COMPRESSION))
    if folder.exists():
        shutil.rmtree(folder)
    made.replace(folder)


def _stage(app: Path) -> None:
    """Copy what the guest is made of into `app`."""
    shutil.copytree(data.folder("wasm") / "guest", app / "guest")
    for name in BUNDLED:
        for file in distribution(name).files or []:
            if file.suffix == ".py" and ".." not in file.parts:
                target = app / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(Path(str(file.locate())), target)


def _componentize(app: Path, component: Path) -> None:
    """Run componentize-py; `-I -S` and an empty PATH keep the host's site-packages out of it."""
    folder = distribution("componentize-py").locate_file("")
    temporary = app.parent / "tmp"
    temporary.mkdir()
    command = [
        *(sys.executable, "-I", "-S", "-c", _COMPONENTIZE, str(folder), "-q"),
        *("-d", str(data.folder("wasm") / "pymode.wit"), "-w", "sandbox"),
        *("componentize", "guest.entry", "-p", str(app), "-o", str(component)),
    ]
    environment = {"PATH": "", "HOME": os.environ.get("HOME", ""), "TMPDIR": str(temporary)}
    try:
        done = subprocess.run(  # noqa: S603 - its own command
            command, env=environment, capture_output=True, timeout=BUILD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        msg = f"building the sandbox took more than {BUILD_SECONDS:.0f} s and was stopped"
        raise ImageError(msg) from None
    if done.returncode:
        text = (done.stderr or done.stdout).decode(errors="replace").strip()[-2000:]
        msg = f"building the sandbox failed (exit status {done.returncode}): {text}"
        raise ImageError(msg)


def main() -> None:
    """Build into the folder of the first argument; the others say for what, or from what."""
    # A build that is killed leaves no process behind.
    hardening.lower_privileges()
    folder, *rest = sys.argv[1:]
    try:
        if rest[:1] == ["--from"]:
            compile_again(Path(rest[1]), Path(folder))
        else:
            build(Path(folder), rest[0] if rest else None)
    except (ImageError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
