"""What a peer is: a way to run a model's code beside an API and its document."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Protocol

# Known to the simulated API; it may write.
TOKEN = "simulated-benchmark"


class Running(Protocol):
    """A peer that is ready for calls."""

    async def run(self, program: str) -> object:
        """Run one of `programs.PROGRAMS` in an environment of its own and return its answer."""
        ...


class Peer(Protocol):
    """A peer, not yet started.

    Args:
        name: short, as in the results.
        title: for people.
        requires: distributions that must be installed.
        cannot: programs that it does not run, and why.
        by_query: programs that it answers by a query, not by code: their answers are its own.
    """

    name: str
    title: str
    requires: tuple[str, ...]
    cannot: Mapping[str, str]
    by_query: frozenset[str]

    def open(
        self, document: Path, base_url: str, workers: int = 1
    ) -> AbstractAsyncContextManager[Running]:
        """Start it for the OpenAPI document in a file, with the API at `base_url`."""
        ...


def missing(peer: Peer) -> str | None:
    """Return why a peer cannot run here, or None."""
    for name in peer.requires:
        try:
            distribution(name)
        except PackageNotFoundError:
            return f"{name} is not installed"
    return None
