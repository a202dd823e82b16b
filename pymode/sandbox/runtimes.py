"""Where the runtime of this installation is: in the package, or in the cache.

A wheel carries one. An editable install builds one into the cache at its first use, and another
when the guest was changed. A carried one that does not fit this machine, or another version of
wasmtime, is compiled again into the cache.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import pymode
from pymode import data
from pymode.errors import ImageError
from pymode.limits import MIB
from pymode.sandbox import cache
from pymode.sandbox.cache import Progress
from pymode.sandbox.engine import BUNDLED, ENGINE, MANIFEST, find_target, fits

# What decides about the runtime, besides the guest.
INGREDIENTS: Final = ("componentize-py", "wasmtime", *BUNDLED)
# The modules that build it, see `build_runtime`.
BUILDERS: Final = ("binary", "build_runtime", "component", "instructions", "linked", "outline")
BUILD_SECONDS: Final = 900.0
# What the build needs at most at a time; most of it is given back.
BUILD_BYTES: Final = 128 * MIB
# How long it takes on two cores; only the progress display reads it.
_EXPECTED_SECONDS: Final = 25.0
_REPORT_SECONDS: Final = 0.25


def find_carried() -> Path | None:
    """Return the folder of the runtime that came with the package, if one did."""
    folder = Path(pymode.__file__).parent / "_data" / "runtime"
    return folder if (folder / MANIFEST).is_file() else None


def key() -> str:
    """Return what names the runtime in the cache: a hash over all that decides about it.

    Raises:
        ImageError: a package that the build needs is not installed.
    """
    digest = hashlib.sha256()
    parts = [ENGINE.encode(), find_target().encode()]
    carried = find_carried()
    if carried is not None:
        parts += [version("wasmtime").encode(), (carried / MANIFEST).read_bytes()]
    else:
        wasm = data.folder("wasm")
        parts += [f"{name} {_find_version(name)}".encode() for name in INGREDIENTS]
        sources = [wasm / "pymode.wit", *sorted((wasm / "guest").glob("*.py"))]
        sources += [Path(__file__).with_name(f"{name}.py") for name in BUILDERS]
        parts += [path.read_bytes() for path in sources]
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:32]


def _find_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        msg = (
            f"this installation of pymode carries no sandbox, and {name} is missing to build one; "
            "install pymode[build], or install pymode without -e"
        )
        raise ImageError(msg) from None


def find(folder: Path | None) -> Path | None:
    """Return the folder of a runtime that fits this machine, or None where it must be made.

    Args:
        folder: the cache folder; None where there is none.

    Raises:
        ImageError: a runtime in the cache belongs to another user.
    """
    target = find_target()
    carried = find_carried()
    if carried is not None and fits(carried, target):
        return carried
    if folder is None:
        return None
    made = folder / f"runtime-{key()}"
    if not fits(made, target):
        return None
    for path in (made, *made.iterdir()):
        cache.check_owner(path)
    with contextlib.suppress(OSError):
        os.utime(made)
    return made


async def open_runtime(folder: Path, progress: Progress) -> Path:
    """Return the folder of a runtime that fits this machine; it is made if there is none.

    Args:
        folder: the cache folder.
        progress: called with a fraction from 0 to 1 and a sentence, while there is a wait.

    Raises:
        ImageError: it cannot be built, or belongs to another user.
        OSError: the cache cannot be written.
    """
    runtime = await asyncio.to_thread(find, folder)
    if runtime is not None:
        return runtime
    name = f"runtime-{key()}"
    async with cache.lock(folder / f"{name}.lock", progress) as say:
        runtime = await asyncio.to_thread(find, folder)
        if runtime is None:
            with cache.make_scratch(folder, name) as scratch:
                await _make(scratch, say)
                made = folder / name
                # A damaged one, or half of one, is in the way of a rename.
                if made.exists():
                    made.rename(scratch / "damaged")
                (scratch / "runtime").rename(made)
            cache.remove_oldest(folder)
            runtime = await asyncio.to_thread(find, folder)
    if runtime is None:
        msg = f"the sandbox in {folder} vanished while it was built; try again"
        raise ImageError(msg)
    return runtime


async def _make(scratch: Path, progress: Progress) -> None:
    """Run the build in a process of its own, so that its memory goes back and it can be stopped."""
    free = shutil.disk_usage(scratch).free
    if free < BUILD_BYTES:
        msg = (
            f"the sandbox needs {BUILD_BYTES // MIB} MiB to be built, and {scratch.parent} has "
            f"{free // MIB} MiB; free space, or set XDG_CACHE_HOME to a folder with more of it"
        )
        raise ImageError(msg)
    carried = find_carried()
    sentence = "building the sandbox" if carried is None else "compiling the sandbox"
    command = [sys.executable, "-m", "pymode.sandbox.build_runtime", str(scratch / "runtime")]
    if carried is not None:
        command += ["--from", str(carried)]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # Ctrl-C in a terminal is for the parent.
        process_group=0,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    started = time.monotonic()
    output = asyncio.ensure_future(process.communicate())
    try:
        while not output.done():
            seconds = time.monotonic() - started
            if seconds > BUILD_SECONDS:
                msg = f"{sentence} took more than {BUILD_SECONDS:.0f} s and was stopped"
                raise ImageError(msg)
            # How long it takes is not known: the fraction nears 1 and never reaches it.
            progress(seconds / (seconds + _EXPECTED_SECONDS / 2), sentence)
            await asyncio.wait([output], timeout=_REPORT_SECONDS)
    finally:
        if not output.done():
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await output
    _, complaints = await output
    if process.returncode:
        last = complaints.decode(errors="replace").strip()[-2000:]
        msg = f"{sentence} failed (exit status {process.returncode}): {last}"
        raise ImageError(msg)
