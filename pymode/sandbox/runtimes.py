"""Where the runtime of this installation is: in the package, or in the cache.

A wheel carries one. An editable install builds one into the cache at its first use, and another
when the guest was changed. A carried one that does not fit this machine, or another version of
wasmtime, is compiled again into the cache.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import Final

import pymode
from pymode import data
from pymode.sandbox import build_runtime, linked

# What decides about the runtime, besides the guest.
INGREDIENTS: Final = ("componentize-py", "wasmtime", *build_runtime.BUNDLED)


def carried() -> Path | None:
    """Return the folder of the runtime that came with the package, if one did."""
    folder = Path(pymode.__file__).parent / "_data" / "runtime"
    return folder if (folder / linked.MANIFEST).is_file() else None


def key() -> str:
    """Return what names the runtime in the cache: a hash over all that decides about it."""
    digest = hashlib.sha256()
    parts = [linked.ENGINE.encode(), build_runtime.find_target().encode()]
    source = carried()
    if source is not None:
        parts += [version("wasmtime").encode(), (source / linked.MANIFEST).read_bytes()]
    else:
        wasm = data.folder("wasm")
        parts += [f"{name} {version(name)}".encode() for name in INGREDIENTS]
        sources = [wasm / "pymode.wit", *sorted((wasm / "guest").glob("*.py"))]
        parts += [path.read_bytes() for path in sources]
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:32]


def find(cache: Path) -> Path | None:
    """Return the folder of a runtime that fits this machine, or None where it must be made.

    Args:
        cache: a folder of the user's own.
    """
    target = build_runtime.find_target()
    source = carried()
    if source is not None and linked.fits(source, target):
        return source
    folder = cache / f"runtime-{key()}"
    return folder if linked.fits(folder, target) else None


def make(cache: Path) -> Path:
    """Make a runtime for this machine in the cache; 10 to 30 s.

    Args:
        cache: a folder of the user's own.

    Raises:
        ImageError: it cannot be built.
    """
    folder = cache / f"runtime-{key()}"
    source = carried()
    if source is None:
        build_runtime.build(folder)
    else:
        build_runtime.compile_again(source, folder)
    return folder
