"""What a loader is started with, and the lines of JSON that it says.

Laid      how much of a document is laid out
Loaded    the last line: the snapshot is written
Failed    the last line: why it is not
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias

from pymode.limits import MIB

# Zeros in a snapshot that a call may use before its memory has to grow.
HEADROOM_BYTES: Final = 16 * MIB


@dataclass(frozen=True, slots=True)
class Source:
    """One document on its way to the loader.

    Args:
        name: where it comes from, for people.
        url: where it was fetched from; None for a file or a mapping.
        size_bytes: of the document, JSON or YAML, on standard input.
    """

    name: str
    url: str | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class LoaderSettings:
    """What a loader is started with.

    Args:
        runtime: the path of the folder of the compiled runtime.
        sources: the documents, in the order in which they come.
        snapshot: the descriptor of the empty file for the snapshot.
        documents: the descriptor of the empty file for the checked documents.
        memory_bytes: linear memory that loading may take.
        needs_yaml: whether a document is YAML; importing its parser takes time.
    """

    runtime: str
    sources: tuple[Source, ...]
    snapshot: int
    documents: int
    memory_bytes: int
    needs_yaml: bool

    def write(self) -> str:
        """Return the settings as one argument of a command."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> LoaderSettings:
        """Return what `write` wrote."""
        found = json.loads(text)
        sources = tuple(Source(**source) for source in found.pop("sources"))
        return cls(sources=sources, **found)


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What the host needs to know of one document, without parsing it again.

    Args:
        base_url: its first server.
        title: of the API.
        operations: their number.
    """

    base_url: str | None
    title: str
    operations: int


@dataclass(frozen=True, slots=True)
class Laid:
    """How much of a document is laid out.

    Args:
        document: its number, from 0.
        done: operations that are laid out.
        whole: operations of the document.
    """

    document: int
    done: int
    whole: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """The snapshot and the documents are written.

    Args:
        memory_bytes: linear memory of the snapshot.
        documents: what the host needs to know of each.
    """

    memory_bytes: int
    documents: tuple[DocumentFacts, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """The documents are not loaded.

    Args:
        kind: "spec" for a fault of a document, "disk" for one of the files, else "loader".
        message: what went wrong, and what to do.
        errno: the number of the system's error for "disk".
    """

    kind: Literal["spec", "disk", "loader"]
    message: str
    errno: int = 0


Report: TypeAlias = Laid | Loaded | Failed


def write_report(report: Report) -> str:
    """Return a report as one line."""
    return json.dumps({type(report).__name__: asdict(report)}) + "\n"


def read_report(line: bytes) -> Report:
    """Return what `write_report` wrote.

    Raises:
        ValueError: it is no report.
    """
    try:
        [(name, found)] = json.loads(line).items()
        if name not in ("Laid", "Loaded", "Failed"):
            raise ValueError(name)
        return _read(name, found)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ValueError("a loader said nonsense") from error


def _read(name: str, found: dict[str, Any]) -> Report:
    if name == "Loaded":
        facts = tuple(DocumentFacts(**each) for each in found["documents"])
        return Loaded(found["memory_bytes"], facts)
    return Failed(**found) if name == "Failed" else Laid(**found)
