"""Loads documents into a guest and writes its memory to a snapshot; a process of its own.

    python -m pymode.sandbox.loader JSON RUNTIME-FOLDER

Documents are hostile, so a loader is hardened like a worker before it reads one. It reads them
from standard input, each after its length (8 bytes, big-endian), and writes the snapshot to a file
that it was given open. Its standard output is a line of JSON for each report of progress, and one
at the end: the memory of the snapshot, or what went wrong.
"""

from __future__ import annotations

import json
import os
import resource
import struct
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from pymode.sandbox import hardening, linked, snapshot
from pymode.sandbox.engine import THREAD_STACK_BYTES
from pymode.sandbox.instance import Instance, Trap

LENGTH: Final = struct.Struct(">Q")
MIB: Final = 1024 * 1024
# About two minutes of a busy processor; whoever started the loader keeps the time.
LOAD_FUEL: Final = 400_000_000_000

_HEAD = '{"status":200,"kind":"json","content_type":"application/json"}\n'
_ITEMS = '{"success":true,"errors":[],"result":[{"id":1,"name":"one"},{"id":2,"name":"two"}]}'
_MISSING = '{"success":false,"errors":[{"code":1000,"message":"not found"}],"result":null}'


class LoadError(Exception):
    """The documents cannot be loaded; the message says what to do."""


class RehearsalHost:
    """Answers the requests of rehearsals as an API would, and passes on reports of progress."""

    def __init__(self, report: Callable[[int, int], None]) -> None:
        self._report = report
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

    def progress(self, done: int, whole: int) -> None:
        """Pass on how many operations are laid out."""
        self._report(done, whole)


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
    try:
        instance = Instance(runtime, RehearsalHost(report), memory_bytes)
        for document in documents:
            if instance.call("load", document, LOAD_FUEL) == b"memory":
                raise _too_large(memory_bytes)
        instance.call("settle", None, LOAD_FUEL)
    except Trap as trap:
        # Where no memory is left the interpreter may crash before it can say so.
        is_full = instance is None or instance.memory_bytes > memory_bytes - memory_bytes // 8
        if trap.cause == "memory" or (trap.cause == "crash" and is_full):
            raise _too_large(memory_bytes) from None
        if trap.cause == "fuel":
            msg = "the specs take too long to load; leave out paths that are not needed"
            raise LoadError(msg) from None
        msg = f"the specs could not be loaded: {trap.cause} ({trap.message})"
        raise LoadError(msg) from None
    return instance


def _too_large(memory_bytes: int) -> LoadError:
    return LoadError(
        f"the specs do not fit into {memory_bytes // MIB:,} MiB of memory; leave out paths that "
        "are not needed, or raise the limit of memory for loading"
    )


def main() -> None:
    """Run a loader; its settings are one JSON argument, the second is the runtime's folder."""
    settings = json.loads(sys.argv[1])
    hardening.lower_privileges()
    resource.setrlimit(resource.RLIMIT_FSIZE, (settings["file_bytes"],) * 2)
    runtime = linked.read(Path(sys.argv[2]))
    # Deep recursion ends in an error on a thread of this size, see `engine`.
    threading.stack_size(THREAD_STACK_BYTES)
    thread = threading.Thread(target=_run, args=(runtime, settings))
    thread.start()
    thread.join()


def _run(runtime: linked.Runtime, settings: dict[str, int]) -> None:
    try:
        # No thread can be started after it, so this one does it.
        hardening.confine()
        documents = _read_documents(settings["documents"])
        instance = load(runtime, documents, settings["memory_bytes"], _report)
        snapshot.write(instance, settings["descriptor"])
        _say({"memory_bytes": instance.memory_bytes})
    except (LoadError, OSError, EOFError) as error:
        _say({"error": str(error)})
    except BaseException as error:
        _say({"error": f"the loader failed: {type(error).__name__}: {error}"})


def _report(done: int, whole: int) -> None:
    _say({"done": done, "whole": whole})


def _say(line: dict[str, object]) -> None:
    print(json.dumps(line), flush=True)  # noqa: T201 - this is what it says


def _read_documents(count: int) -> Iterable[bytes]:
    for _ in range(count):
        (length,) = LENGTH.unpack(_read_whole(LENGTH.size))
        yield _read_whole(length)


def _read_whole(size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        piece = os.read(0, min(size - len(content), MIB))
        if not piece:
            raise EOFError("the documents end too early")
        content += piece
    return bytes(content)


if __name__ == "__main__":
    main()
