"""Builds an image: stage the guest, componentize it, compile it. Each step is a process of its own,
so that its memory goes back and a cancelled build stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from pymode import data
from pymode.errors import ImageError

# Python packages that the guest imports. They are only there while it is built: the snapshot
# keeps what they left in memory.
BUNDLED = ("RestrictedPython",)
BUILD_SECONDS = 600.0
# componentize-py 0.25 reads the snapshot through a call that wasmtime caps at 128 MiB; GitHub's
# document, 13 MB and 7 MB without its blanks, comes to 80.
TOO_LARGE = (
    "the specs are too large: with them in memory the sandbox image is over 128 MiB, which is "
    "about 11 MB of compact JSON; leave out paths that are not needed"
)
# How long the steps take for a spec of 4 MB on two cores; only the progress display reads it.
COMPONENTIZE_SECONDS, COMPILE_SECONDS = 14.0, 9.0

# Only the staged folder may be imported, and no site-packages: see `_componentize`.
_COMPONENTIZE = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from componentize_py import script; sys.exit(script())"
)


@dataclass(frozen=True, slots=True)
class Built:
    """A compiled image.

    Args:
        path: the file.
        sha256: its digest, in hexadecimal.
        memory_bytes: linear memory that an instance has before a call.
    """

    path: Path
    sha256: str
    memory_bytes: int


async def build(scratch: Path, specs: bytes, progress: Callable[[float, str], None]) -> Built:
    """Build an image in the folder `scratch`.

    Args:
        scratch: an empty folder.
        specs: a list of OpenAPI documents as JSON.
        progress: called with a fraction from 0 to 1 and a sentence.

    Raises:
        ImageError: a step failed; the message ends with what it printed.
    """
    app, component, image = scratch / "app", scratch / "component.wasm", scratch / "image"
    await asyncio.to_thread(_stage, app, specs)
    whole = COMPONENTIZE_SECONDS + COMPILE_SECONDS
    await _run(
        _componentize(app, component),
        _Step(progress, "building the sandbox image", 0.0, COMPONENTIZE_SECONDS / whole),
    )
    output = await _run(
        [sys.executable, "-m", "pymode.sandbox.compile", str(component), str(image)],
        _Step(progress, "compiling the sandbox image", COMPONENTIZE_SECONDS / whole, 1.0),
    )
    progress(1.0, "the sandbox image is ready")
    return Built(image, **json.loads(output))


def _stage(app: Path, specs: bytes) -> None:
    """Copy what the guest is made of into `app`."""
    shutil.copytree(data.folder("wasm") / "guest", app / "guest")
    for name in BUNDLED:
        for file in distribution(name).files or []:
            if file.suffix == ".py" and ".." not in file.parts:
                target = app / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(Path(str(file.locate())), target)
    (app / "specs.json").write_bytes(specs)


def _componentize(app: Path, component: Path) -> list[str]:
    """Return the command; `-I -S` and an empty PATH keep the host's site-packages out of it."""
    spec = distribution("componentize-py").locate_file("")
    options = ["-q", "-d", str(data.folder("wasm") / "pymode.wit"), "-w", "sandbox"]
    return [
        *(sys.executable, "-I", "-S", "-c", _COMPONENTIZE, str(spec)),
        *options,
        *("componentize", "guest.entry", "-p", str(app), "-o", str(component)),
    ]


@dataclass(frozen=True, slots=True)
class _Step:
    """A part of the build for the progress display; how long it takes is not known ahead."""

    progress: Callable[[float, str], None]
    sentence: str
    start: float
    end: float

    def say(self, seconds: float) -> None:
        """Report; the fraction nears the end of the step and never reaches it."""
        expected = (self.end - self.start) * (COMPONENTIZE_SECONDS + COMPILE_SECONDS)
        fraction = seconds / (seconds + expected / 2)
        self.progress(self.start + (self.end - self.start) * fraction, self.sentence)


async def _run(command: list[str], step: _Step) -> bytes:
    """Run one step and return its output."""
    temporary = command[-1] + ".tmp"
    await asyncio.to_thread(os.mkdir, temporary, 0o700)
    environment = {"PATH": "", "HOME": os.environ.get("HOME", ""), "TMPDIR": temporary}
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    started = time.monotonic()
    output = asyncio.ensure_future(process.communicate())
    try:
        while not output.done():
            seconds = time.monotonic() - started
            if seconds > BUILD_SECONDS:
                msg = f"{step.sentence} took more than {BUILD_SECONDS:.0f} s and was stopped"
                raise ImageError(msg)
            step.say(seconds)
            await asyncio.wait([output], timeout=0.25)
    finally:
        if not output.done():
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await output
    printed, complaints = await output
    if process.returncode:
        if b"hostcalls has been exhausted" in complaints:
            raise ImageError(TOO_LARGE)
        text = (complaints or printed).decode(errors="replace").strip()[-2000:]
        msg = f"{step.sentence} failed (exit status {process.returncode}): {text}"
        raise ImageError(msg)
    return printed
