"""The part of WASI that a guest gets: clocks, random bytes, no environment and no folders.

Everything else that the component imports is a trap. wasmtime's own WASI would grant more, and
its host functions cannot be interrupted: a `time.sleep` of 20 s slept through a deadline of 3 s.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from wasmtime import Engine, WasmtimeError
from wasmtime.component import Component, Linker

from pymode.sandbox.conditions import CLOCK_NANOSECONDS, ClockAndRandom

# Python's `os.urandom` asks for 256 bytes at a time. More than this at once is refused, because
# the host makes them outside of the guest's fuel.
RANDOM_BYTES = 64 * 1024

HostFunction = Callable[..., Any]


def _coarse(nanoseconds: int) -> int:
    return nanoseconds - nanoseconds % CLOCK_NANOSECONDS


def _datetime(nanoseconds: int) -> SimpleNamespace:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return SimpleNamespace(seconds=seconds, nanoseconds=rest)


def grant(clock: ClockAndRandom) -> dict[str, Mapping[str, HostFunction]]:
    """Return all of WASI that a guest gets, by interface and function."""

    def random_bytes(length: int) -> bytes:
        if length > RANDOM_BYTES:
            msg = f"at most {RANDOM_BYTES} random bytes at a time, not {length}"
            raise WasmtimeError(msg)
        return clock.random_bytes(length)

    return {
        "wasi:clocks/wall-clock": {
            "now": lambda: _datetime(clock.now()),
            "resolution": lambda: _datetime(CLOCK_NANOSECONDS),
        },
        "wasi:clocks/monotonic-clock": {
            "now": lambda: _coarse(time.monotonic_ns()),
            "resolution": lambda: CLOCK_NANOSECONDS,
        },
        "wasi:random/random": {"get-random-bytes": random_bytes},
        "wasi:cli/environment": {"get-environment": list, "get-arguments": list},
        "wasi:filesystem/preopens": {"get-directories": list},
    }


def link(
    engine: Engine,
    component: Component,
    host: Mapping[str, HostFunction],
    clock: ClockAndRandom,
) -> Linker:
    """Return a linker that grants WASI's part and the functions of `pymode:sandbox/host`."""
    linker = Linker(engine)
    linker.allow_shadowing = True
    linker.define_unknown_imports_as_traps(component)
    granted = {**grant(clock), "pymode:sandbox/host": host}
    with linker.root() as root:
        for import_name in component.type.imports(engine):
            functions = granted.get(import_name.partition("@")[0])
            if functions is None:
                continue
            with root.add_instance(import_name) as instance:
                for name, function in functions.items():
                    instance.add_func(name, _guarded(function))
    return linker


def _guarded(function: HostFunction) -> HostFunction:
    """Let nothing but `WasmtimeError` leave a host function.

    wasmtime-py keeps any other exception in a global of its own, where another call may meet it,
    and answers a `BaseException` with success.
    """

    def call(_store: object, *arguments: object) -> object:
        try:
            return function(*arguments)
        except WasmtimeError:
            raise
        except BaseException as error:
            msg = f"host function failed: {type(error).__name__}: {error}"
            raise WasmtimeError(msg) from None

    return call
