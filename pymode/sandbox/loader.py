"""Loads documents into a guest and writes its memory to a snapshot; a process of its own.

Documents are hostile, so a loader is hardened like a worker before it reads one. It takes them from
standard input, one after the other, and writes two files that it was given open: the snapshot, and
the checked documents as one JSON list. Its standard output is a line of JSON for each report of
progress, and one at the end: what became of the documents, or what went wrong.
"""

from __future__ import annotations

import errno
import gc
import os
import resource
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from pymode.documents import document
from pymode.documents.document import Document
from pymode.errors import SpecError
from pymode.limits import MIB
from pymode.protocol.loading import (
    HEADROOM_BYTES,
    DocumentFacts,
    Failed,
    Laid,
    Loaded,
    LoaderSettings,
    Report,
    Source,
    write_report,
)
from pymode.sandbox import hardening, linked, snapshot
from pymode.sandbox.engine import THREAD_STACK_BYTES
from pymode.sandbox.instance import Instance, Trap

# About two minutes of a busy processor; whoever started the loader keeps the time.
LOAD_FUEL: Final = 400_000_000_000
# The most that a guest of 32 bits can have, and the values of its globals.
MAX_FILE_BYTES: Final = 4096 * MIB + MIB
# What the process needs besides documents: Python, wasmtime, and the stack of a thread.
OWN_BYTES: Final = 256 * MIB

_HEAD = '{"status":200,"kind":"json","content_type":"application/json"}\n'
_ITEMS = '{"success":true,"errors":[],"result":[{"id":1,"name":"one"},{"id":2,"name":"two"}]}'
_MISSING = '{"success":false,"errors":[{"code":1000,"message":"not found"}],"result":null}'
# They are read before the process gives up opening files, so that all modules are imported by then.
_SMALL_JSON = b'{"openapi":"3.1.0","paths":{"/a":{"get":{}}}}'
_SMALL_YAML = b"openapi: 3.1.0\npaths: {/a: {get: {}}}"


class LoadError(Exception):
    """The documents cannot be loaded; the message says what to do."""


class RehearsalHost:
    """Answers the requests of rehearsals as an API would."""

    def __init__(self) -> None:
        self._number = 0
        self._replies: list[tuple[int, bytes]] = []

    def begin(self) -> None:
        """Do nothing: a rehearsal is not repeated."""

    def start(self, _target: str, payload: str) -> int:
        """Reply with a list of items, or with an error."""
        self._number += 1
        refused = "/refused" in payload
        reply = _HEAD.replace("200", "404") + _MISSING if refused else _HEAD + _ITEMS
        self._replies.append((self._number, reply.encode()))
        return self._number

    def wait(self, _seconds: float) -> list[tuple[int, bytes]]:
        """Return all replies."""
        replies, self._replies = self._replies, []
        return replies

    def print(self, text: str) -> None:
        """Drop what a rehearsal printed."""


def load(
    runtime: linked.Runtime,
    documents: Iterable[bytes],
    memory_bytes: int,
    report: Callable[[int, int], None],
) -> Instance:
    """Return an instance that has loaded documents and is ready to be written.

    Args:
        runtime: the runtime.
        documents: checked documents as JSON.
        memory_bytes: linear memory that loading may take.
        report: called with the number of operations of a document that are laid out, and of all.

    Raises:
        LoadError: they do not fit, or cannot be laid out.
    """
    instance = None
    largest = 0
    try:
        instance = Instance(runtime, RehearsalHost(), memory_bytes, progress=report)
        for content in documents:
            largest = max(largest, len(content))
            if instance.call("load", content, LOAD_FUEL) == b"memory":
                raise _too_large(memory_bytes)
        instance.call("settle", None, LOAD_FUEL)
    except Trap as trap:
        # Where no memory is left the interpreter may crash before it can say so. Its next
        # allocation may have been as large as a document's text, or as the headroom.
        reserve = max(largest, HEADROOM_BYTES)
        is_full = instance is None or instance.memory_bytes + reserve > memory_bytes
        if trap.cause == "memory_bytes" or (trap.cause == "crash" and is_full):
            raise _too_large(memory_bytes) from None
        if trap.cause == "fuel":
            msg = "the specs take too long to load; leave out paths that are not needed"
            raise LoadError(msg) from None
        msg = f"the specs could not be loaded: {trap.cause} ({trap.message})"
        raise LoadError(msg) from None
    return instance


def _too_large(memory_bytes: int) -> LoadError:
    return LoadError(
        f"the specs do not fit into {memory_bytes // MIB:,} MiB of memory, the limit "
        "load_memory_bytes; raise it (--load-memory-mb), or leave out paths that are not needed"
    )


def main() -> None:
    """Run a loader; its settings are one JSON argument."""
    settings = LoaderSettings.read(sys.argv[1])
    # A document of 70 MB is read in a third of the time; the process ends soon.
    gc.disable()
    hardening.lower_privileges()
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))
    # 30 MB of `[],[],…` are 10 million lists.
    most = 2 * settings.memory_bytes + OWN_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    runtime = linked.read(Path(settings.runtime))
    document.parse(_SMALL_YAML if settings.needs_yaml else _SMALL_JSON, None)
    # Deep recursion ends in an error on a thread of this size, see `engine`.
    threading.stack_size(THREAD_STACK_BYTES)
    thread = threading.Thread(target=_run, args=(runtime, settings))
    thread.start()
    thread.join()


def _run(runtime: linked.Runtime, settings: LoaderSettings) -> None:
    facts: list[DocumentFacts] = []

    def report(done: int, whole: int) -> None:
        _say(Laid(len(facts) - 1, done, whole))

    try:
        # No thread can be started after it, so this one does it.
        hardening.confine()
        instance = load(runtime, _check(settings, facts), settings.memory_bytes, report)
        snapshot.write(instance, settings.snapshot)
        _say(Loaded(instance.memory_bytes, tuple(facts)))
    except (LoadError, SpecError) as error:
        _say(Failed("spec", str(error)))
    except OSError as error:
        number = error.errno or errno.EIO
        _say(Failed("disk", os.strerror(number), number))
    except MemoryError:
        _say(Failed("spec", str(_too_large(settings.memory_bytes))))
    except BaseException as error:
        _say(Failed("loader", f"the loader failed: {type(error).__name__}: {error}"))


def _check(settings: LoaderSettings, facts: list[DocumentFacts]) -> Iterator[bytes]:
    """Read and check the documents, write them to their file, and note what the host must know."""
    separator = b"["
    for source in settings.sources:
        found = _parse(source, _read_whole(source.size_bytes))
        facts.append(DocumentFacts(found.base_url, found.title, found.operations))
        _write(settings.documents, separator + found.content)
        separator = b","
        yield found.content
    _write(settings.documents, b"]" if facts else b"[]")


def _parse(source: Source, raw: bytes) -> Document:
    try:
        return document.parse(raw, source.url)
    except SpecError as error:
        msg = f"{source.name}: {error}"
        raise SpecError(msg) from None


def _say(report: Report) -> None:
    sys.stdout.write(write_report(report))
    sys.stdout.flush()


def _write(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _read_whole(size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        piece = os.read(0, min(size - len(content), MIB))
        if not piece:
            raise LoadError("the documents end too early")
        content += piece
    return bytes(content)
