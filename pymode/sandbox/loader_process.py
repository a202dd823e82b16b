"""The parent's side of a loader: a process that turns documents into a snapshot."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pymode.documents import Spec
from pymode.errors import ImageError, SpecError
from pymode.protocol.loading import (
    Failed,
    Laid,
    Loaded,
    LoaderSettings,
    Report,
    Source,
    read_report,
)
from pymode.sandbox.cache import Progress
from pymode.sandbox.processes import write_command

LOAD_SECONDS: Final = 600.0
# A line of a report is short; the last one has some 100 bytes for each document.
_LINE_BYTES: Final = 1024 * 1024


async def load(
    runtime: Path,
    specs: Sequence[Spec],
    files: tuple[int, int],
    memory_bytes: int,
    progress: Progress,
) -> Loaded:
    """Load documents in a process of its own, which ends with this call.

    Args:
        runtime: the folder of the compiled runtime.
        specs: the documents as they were found.
        files: descriptors of two empty files, for the snapshot and for the checked documents.
        memory_bytes: linear memory that loading may take.
        progress: called with a fraction from 0 to 1 and a sentence.

    Raises:
        SpecError: a document cannot be understood, or they do not fit into memory.
        ImageError: the loader failed.
        OSError: the files cannot be written, for example because the disk is full.
    """
    settings = LoaderSettings(
        runtime=str(runtime),
        sources=tuple(Source(spec.source, spec.url, len(spec.raw)) for spec in specs),
        snapshot=files[0],
        documents=files[1],
        memory_bytes=memory_bytes,
        needs_yaml=any(not spec.is_json for spec in specs),
    )
    process = await asyncio.create_subprocess_exec(
        *write_command("loader", settings.write(), ("yaml",)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        pass_fds=files,
        # Ctrl-C in a terminal is for the parent.
        process_group=0,
        env={},
        cwd="/",
        limit=_LINE_BYTES,
    )
    feeding = asyncio.create_task(_feed(process, specs))
    try:
        async with asyncio.timeout(LOAD_SECONDS):
            last = await _follow(process, specs, progress)
            await process.wait()
    except TimeoutError:
        msg = f"loading the specs took more than {LOAD_SECONDS:.0f} s and was stopped"
        raise ImageError(msg) from None
    finally:
        feeding.cancel()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        # asyncio hears of the end of a process only once its output is read to the end.
        while process.stdout is not None and await process.stdout.read(_LINE_BYTES):
            pass
        await process.wait()
        await asyncio.gather(feeding, return_exceptions=True)
    return _read_last(last, process.returncode)


async def _feed(process: asyncio.subprocess.Process, specs: Sequence[Spec]) -> None:
    """Write the documents; a loader that refuses one reads no further."""
    if process.stdin is None:
        return
    with contextlib.suppress(ConnectionError):
        for spec in specs:
            process.stdin.write(spec.raw)
            await process.stdin.drain()


async def _follow(
    process: asyncio.subprocess.Process, specs: Sequence[Spec], progress: Progress
) -> Report | None:
    """Pass on what a loader says, and return what it says at the end; None if it says nothing."""
    last: Report | None = None
    progress(0.0, f"reading {specs[0].source}" if specs else "starting the sandbox")
    while process.stdout is not None and (line := await process.stdout.readline()):
        last = read_report(line)
        if isinstance(last, Laid):
            fraction = (last.document + last.done / max(1, last.whole)) / len(specs)
            progress(fraction, f"laying out {last.done:,} of {last.whole:,} operations")
    return last


def _read_last(last: Report | None, status: int | None) -> Loaded:
    match last:
        case Loaded():
            return last
        case Failed("spec"):
            raise SpecError(last.message)
        case Failed("disk"):
            raise OSError(last.errno, last.message)
        case Failed():
            raise ImageError(last.message)
    ended = f"killed by signal {-status}" if status and status < 0 else f"exit status {status}"
    msg = (
        f"the process that loads the specs ended ({ended}); standard error may say why, and "
        "a signal 9 mostly means that the machine has too little memory"
    )
    raise ImageError(msg)
