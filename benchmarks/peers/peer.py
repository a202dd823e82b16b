"""The Protocols of a peer, which runs a model's code for an API and its document."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Protocol

# The simulated API accepts it, and lets it write.
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
        cannot: the programs that it does not run, and why.
        by_query: programs for which it takes a query instead of code, so its answers may differ.
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
    """Return why a peer cannot run here, or None if it can."""
    for name in peer.requires:
        try:
            distribution(name)
        except PackageNotFoundError:
            return f"{name} is not installed"
    return None
