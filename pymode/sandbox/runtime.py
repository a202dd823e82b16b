"""wasmtime, as the sandbox uses it: one engine, one image, a fresh instance for every call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wasmtime import Config, Engine, Store, WasmtimeError
from wasmtime.component import Component, Func

from pymode.sandbox.conditions import ClockAndRandom
from pymode.sandbox.engine import WASM_STACK_BYTES
from pymode.sandbox.wasi import HostFunction, link

# wasmtime-py gives traps of components as plain errors: their last line tells them apart.
_TRAPS = {
    "all fuel consumed by WebAssembly": "fuel",
    "wasm trap: interrupt": "wall_seconds",
    "call stack exhausted": "stack",
    # Where the interpreter writes before it gives up; a guest's own stderr is a buffer.
    "wasi:cli/stderr": "crash",
    # An import that `wasi.link` grants to no guest.
    "has not been defined": "refused",
}


def make_engine() -> Engine:
    """Return an engine with everything that bounds a guest."""
    config = Config()
    config.consume_fuel = True
    config.epoch_interruption = True
    config.max_wasm_stack = WASM_STACK_BYTES
    return Engine(config)


@dataclass(slots=True)
class Trap(Exception):
    """The guest was stopped, and its instance is dead.

    Args:
        cause: `fuel`, `wall_seconds`, `stack`, `refused` or `crash`.
        message: what wasmtime says.
    """

    cause: str
    message: str


def as_trap(error: WasmtimeError) -> Trap:
    """Return what stopped the guest."""
    message = str(error).strip()
    last = message.rpartition("\n")[2]
    for text, cause in _TRAPS.items():
        if text in last:
            return Trap(cause, last)
    return Trap("crash", last)


class Guest:
    """One instance, for one call."""

    def __init__(self, store: Store, run: Func, rehearse: Func) -> None:
        self._store = store
        self._run = run
        self._rehearse = rehearse

    def rehearse(self) -> None:
        """Touch what a call will touch. Raises `Trap`."""
        self._call(self._rehearse)

    def run(self, request: str, fuel: int) -> str:
        """Run one call on `fuel` instructions and return the guest's outcome. Raises `Trap`."""
        self._store.set_fuel(fuel)
        # The next tick of the epoch ends the guest, whatever it does.
        self._store.set_epoch_deadline(1)
        return str(self._call(self._run, request))

    def fuel_left(self) -> int:
        """Return the instructions that are left."""
        return self._store.get_fuel()

    def close(self) -> None:
        """Give the memory back."""
        self._store.close()

    def _call(self, function: Func, *arguments: str) -> object:
        try:
            return function(self._store, *arguments)
        except WasmtimeError as error:
            raise as_trap(error) from None


class Runtime:
    """Opens an image and makes guests of it.

    Args:
        path: a compiled image that this user wrote; a foreign file would be native code.
        memory_bytes: linear memory that a guest may have, image included.
        host: the functions of `pymode:sandbox/host`, by name.
        clock: the clock and random bytes of the guests; real ones if absent.
    """

    def __init__(
        self,
        path: Path,
        memory_bytes: int,
        host: Mapping[str, HostFunction],
        clock: ClockAndRandom | None = None,
    ) -> None:
        self.engine = make_engine()
        self._component = Component.deserialize_file(self.engine, str(path))
        self._linker = link(self.engine, self._component, host, clock or ClockAndRandom())
        self._memory_bytes = memory_bytes
        run = self._component.get_export_index("run")
        rehearse = self._component.get_export_index("rehearse")
        if run is None or rehearse is None:
            msg = f"{path} is no image of pymode"
            raise WasmtimeError(msg)
        self._run, self._rehearse = run, rehearse

    def instantiate(self, fuel: int) -> Guest:
        """Return a fresh guest with `fuel` instructions for its rehearsal.

        Raises:
            Trap: the image does not fit into the memory, or does not start.
        """
        store = Store(self.engine)
        store.set_limits(memory_size=self._memory_bytes)
        store.set_fuel(fuel)
        store.set_epoch_deadline(1)
        try:
            instance = self._linker.instantiate(store, self._component)
            run = instance.get_func(store, self._run)
            rehearse = instance.get_func(store, self._rehearse)
        except WasmtimeError as error:
            raise as_trap(error) from None
        if run is None or rehearse is None:
            raise Trap("crash", "the image exports no functions")
        return Guest(store, run, rehearse)
