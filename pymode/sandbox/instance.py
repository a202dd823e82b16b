"""One instance of the runtime, on wasmtime's core modules."""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass
from typing import Final

from wasmtime import Func, Linker, Memory, Store, WasmtimeError
from wasmtime import Trap as WasmtimeTrap

from pymode.sandbox.conditions import ClockAndRandom
from pymode.sandbox.imports import GuestMemory, Host, Imports, Progress, Stop, find_cause
from pymode.sandbox.linked import MEMORY_PAGE_BYTES, Runtime
from pymode.sandbox.outline import Item

# For the host's own calls into a guest, which run no code of others.
OWN_FUEL: Final = 10**12
NO_DEADLINE: Final = 1 << 60


@dataclass(slots=True)
class Trap(Exception):
    """The guest was stopped, and its instance is dead.

    Args:
        cause: `fuel`, `wall_seconds`, `stack`, `refused`, `memory_bytes`, `crash`, or what `Stop`
            said.
        message: what wasmtime says.
    """

    cause: str
    message: str


class Instance:
    """One linked instance.

    Args:
        runtime: the modules.
        host: what the guest may ask for.
        memory_bytes: linear memory that it may have.
        clock: its clock and random bytes; real ones if absent.
        progress: for a guest that loads documents; see `Imports`.

    Raises:
        Trap: it does not start.
    """

    def __init__(
        self,
        runtime: Runtime,
        host: Host,
        memory_bytes: int,
        clock: ClockAndRandom | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._memory_limit = memory_bytes
        self.store = Store(runtime.engine)
        self.store.set_limits(memory_size=memory_bytes)
        self._imports = Imports(self.store, host, clock or ClockAndRandom(), progress)
        self._allow(OWN_FUEL, NO_DEADLINE)
        try:
            self._link(runtime)
        except (WasmtimeError, WasmtimeTrap) as error:
            self.store.close()
            raise self._trap(error) from None

    def _link(self, runtime: Runtime) -> None:
        linker = Linker(runtime.engine)
        for name, type_ in runtime.host_functions.items():
            self._imports.define(linker, name, type_)

        def export(item: Item) -> object:
            return linker.get(self.store, item.module, item.name)

        for name, module in runtime.modules.items():
            linker.define_instance(self.store, name, linker.instantiate(self.store, module))
            if name == runtime.memory.module:
                self._open_memory(export(runtime.memory), {})
        allocators = {name: _function(export(item)) for name, item in runtime.allocators.items()}
        allocators[""] = _function(export(runtime.allocate))
        self._open_memory(export(runtime.memory), allocators)
        self._functions = {
            name: (
                _function(export(lifted.function)),
                _function(export(lifted.post_return)) if lifted.post_return else None,
            )
            for name, lifted in runtime.functions.items()
        }
        helper = linker.instantiate(self.store, runtime.globals_module).exports(self.store)
        self._save, self._set = _function(helper["save"]), _function(helper["restore"])
        self._saved = _memory(helper["memory"])

    def _open_memory(self, export: object, allocators: dict[str, Func]) -> None:
        self._memory = _memory(export)
        self._guest = self._imports.memory = GuestMemory(self._memory, allocators)

    @property
    def stopped_by(self) -> str | None:
        """What ended the guest from within a function of the host."""
        return self._imports.stopped_by

    @property
    def memory_bytes(self) -> int:
        """The size of the linear memory."""
        return self._memory.data_len(self.store)

    @property
    def address(self) -> int:
        """Where the linear memory lies in this process; it never moves."""
        return ctypes.addressof(self._memory.data_ptr(self.store).contents)

    def grow(self, memory_bytes: int) -> None:
        """Grow the linear memory to that size, a multiple of 64 KiB.

        Raises:
            Trap: it is over the limit of this instance.
        """
        missing = memory_bytes - self.memory_bytes
        try:
            self._memory.grow(self.store, missing // MEMORY_PAGE_BYTES)
        except WasmtimeError as error:
            raise Trap("memory_bytes", str(error)) from None

    def read_globals(self) -> bytes:
        """Return the values of all mutable globals of all modules, 8 bytes each."""
        self._allow(OWN_FUEL, NO_DEADLINE)
        self._save(self.store)
        size = self._saved.data_len(self.store)
        return bytes(self._saved.read(self.store, 0, size))

    def set_globals(self, values: bytes) -> None:
        """Set all mutable globals to values that `read_globals` returned."""
        self._saved.write(self.store, bytearray(values), 0)
        self._allow(OWN_FUEL, NO_DEADLINE)
        self._set(self.store)

    def call(
        self, name: str, content: bytes | None, fuel: int = OWN_FUEL, ticks: int = NO_DEADLINE
    ) -> bytes:
        """Call a function that the guest exports.

        Args:
            name: of the function.
            content: its argument, a text or bytes; None where it takes none.
            fuel: instructions that it may use.
            ticks: of the engine's epoch after which it is ended.

        Returns:
            The result of a function with an argument, else nothing.

        Raises:
            Trap: it was stopped; the instance is dead.
        """
        function, post_return = self._functions[name]
        self._allow(fuel, ticks)
        result = b""
        try:
            if content is None:
                function(self.store)
                results: tuple[int, ...] = ()
            else:
                place = self._guest.give(self.store, "", content, 1)
                results = (function(self.store, place, len(content)),)
                if self.stopped_by is None:
                    where, size = struct.unpack("<II", self._guest.read(self.store, *results, 8))
                    result = self._guest.read(self.store, where, size)
            # It ends the call in the runtime of componentize-py: without it, the next call of the
            # instance meets objects that were freed.
            if post_return is not None and self.stopped_by is None:
                post_return(self.store, *results)
        except (WasmtimeError, WasmtimeTrap, Stop) as error:
            raise self._trap(error) from None
        if self.stopped_by is not None:
            raise self._trap(Stop(self.stopped_by))
        return result

    def fuel_left(self) -> int:
        """Return the instructions that are left."""
        return self._imports.fuel_left if self.stopped_by else self.store.get_fuel()

    def close(self) -> None:
        """Give the memory back."""
        self.store.close()

    def _allow(self, fuel: int, ticks: int) -> None:
        self.store.set_fuel(fuel)
        self.store.set_epoch_deadline(ticks)

    def _trap(self, error: WasmtimeError | WasmtimeTrap | Stop) -> Trap:
        if isinstance(error, Stop):
            cause = self.stopped_by or str(error)
        else:
            cause = self.stopped_by or find_cause(error, "crash")
        # An interpreter without memory may end before it can raise MemoryError.
        if cause == "crash" and self._is_full():
            cause = "memory_bytes"
        return Trap(cause, str(error).strip().rpartition("\n")[2])

    def _is_full(self) -> bool:
        try:
            return self.memory_bytes > self._memory_limit - MEMORY_PAGE_BYTES
        except AttributeError:  # it did not even start
            return False


def _function(export: object) -> Func:
    if not isinstance(export, Func):
        raise WasmtimeError("the runtime exports something else where a function should be")
    return export


def _memory(export: object) -> Memory:
    if not isinstance(export, Memory):
        raise WasmtimeError("the runtime exports something else where its memory should be")
    return export
