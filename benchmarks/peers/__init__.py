"""The peers: ways to run a model's code beside an API and its document."""

from __future__ import annotations

from benchmarks.peers import monty, pymode_library
from benchmarks.peers.eryx import Eryx
from benchmarks.peers.naive import Naive
from benchmarks.peers.peer import Peer, Running, missing
from benchmarks.peers.pymode_http import PymodeHttp
from benchmarks.peers.pymode_library import PymodeLibrary
from benchmarks.peers.pymode_stdio import PymodeStdio

ALL: tuple[Peer, ...] = (
    PymodeLibrary(),
    PymodeStdio(),
    PymodeHttp(),
    monty.AS_IT_COMES,
    monty.TUNED,
    Eryx(),
    Naive(),
)
# The difference of these two is the cost of rules, check and log.
GUARD_PAIR: tuple[Peer, ...] = (pymode_library.BARE, pymode_library.GUARDED)
BY_NAME: dict[str, Peer] = {peer.name: peer for peer in (*ALL, *GUARD_PAIR)}

__all__ = ["ALL", "BY_NAME", "GUARD_PAIR", "Peer", "Running", "missing"]
