"""What decides about compiled code, and whether a runtime fits this machine; needs no wasmtime."""

from __future__ import annotations

import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

from pymode.errors import ImageError

# 2 MiB of WebAssembly stack on a thread of 16 MiB turn deep recursion and deep source into
# errors; with 4 MiB wasmtime aborts the process.
WASM_STACK_BYTES: Final = 2 * 1024 * 1024
THREAD_STACK_BYTES: Final = 16 * 1024 * 1024

ENGINE: Final = f"core modules, fuel, epochs, stack {WASM_STACK_BYTES}, baseline"
"""What decides about compiled code, besides wasmtime's version and the modules."""

MANIFEST: Final = "manifest.json"
"""The file of a runtime that says how its modules are linked, and what they were compiled for."""

# Python packages that the guest imports. They are only there while it is built: the component
# keeps what they left in memory.
BUNDLED: Final = ("RestrictedPython",)

_TARGETS: Final = {
    ("linux", "x86_64"): "x86_64-unknown-linux-gnu",
    ("linux", "aarch64"): "aarch64-unknown-linux-gnu",
    ("darwin", "x86_64"): "x86_64-apple-darwin",
    ("darwin", "arm64"): "aarch64-apple-darwin",
}


def find_target() -> str:
    """Return the target of this machine.

    Raises:
        ImageError: wasmtime does not run on it, as far as pymode knows.
    """
    machine = platform.machine()
    found = _TARGETS.get((sys.platform, machine))
    if found is None:
        msg = f"pymode runs on {', '.join(_TARGETS.values())}, not on {sys.platform} {machine}"
        raise ImageError(msg)
    return found


def fits(folder: Path, target: str) -> bool:
    """Say whether a folder has a runtime that was compiled for this machine.

    Args:
        folder: a runtime; it may be missing.
        target: of this machine.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        found = [manifest[key] for key in ("wasmtime", "engine", "target")]
        whole = all((folder / name).is_file() for name in manifest["modules"])
    except (OSError, ValueError, TypeError, KeyError):
        return False
    return whole and found == [version("wasmtime"), ENGINE, target]
