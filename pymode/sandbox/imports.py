"""What a guest may call: clocks, random bytes, an empty world, and the functions of `Host`.

The guest passes numbers and addresses of its memory; every address is checked before it is used.
Whatever else the guest imports stops it. wasmtime's own WASI would grant more, and its functions
cannot be interrupted: a `time.sleep` of 20 s slept through a deadline of 3 s.

No exception leaves a function here, because wasmtime-py would keep it in a global variable, where
another call might meet it. A guest is stopped by taking its fuel: it ends at its next instruction
that counts fuel, and every function here refuses it until then.
"""

from __future__ import annotations

import array
import ctypes
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from wasmtime import Caller, Func, FuncType, Linker, Memory, Store, WasmtimeError
from wasmtime import Trap as WasmtimeTrap

from pymode.sandbox.conditions import CLOCK_NANOSECONDS, ClockAndRandom
from pymode.sandbox.outline import HOST, VARIANT

# Python's `os.urandom` asks for 256 bytes at a time; no guest needs more at once than this.
MAX_RANDOM_BYTES = 64 * 1024
_MASK = 0xFFFFFFFF
_WORD_BYTES = 4
# `_Py_IMMORTAL_INITIAL_REFCNT` of CPython 3.14 with pointers of 32 bits (refcount.h).
IMMORTAL = 5 << 28
_LEAST_IMMORTAL = 1 << 30
# Where the interpreter writes before it gives up; the guest's own standard error is a buffer.
_LAST_WORDS = "wasi:cli/stderr"
_EMPTY_LISTS = frozenset(
    {
        "wasi:cli/environment#get-environment",
        "wasi:cli/environment#get-arguments",
        "wasi:filesystem/preopens#get-directories",
    }
)


# wasmtime-py has no codes for most of them in its errors.
_TRAPS = {
    "all fuel consumed by WebAssembly": "fuel",
    "wasm trap: interrupt": "wall_seconds",
    "call stack exhausted": "stack",
}
HostFunction = Callable[..., "int | None"]
Progress = Callable[[int, int], None]


class Stop(Exception):
    """Raised by a function of the host to end the guest; the text is the cause, such as a limit."""


def find_cause(error: WasmtimeError | WasmtimeTrap, otherwise: str) -> str:
    """Return what ended a guest within wasmtime."""
    message = str(error)
    return next((cause for text, cause in _TRAPS.items() if text in message), otherwise)


class Host(Protocol):
    """The functions of `pymode:sandbox/host`, and what the guest reports while it loads."""

    def begin(self) -> None:
        """Start the clock and the random bytes of the call."""

    def start(self, target: str, payload: str) -> int:
        """Start a host call and return its number. May raise `Stop`."""

    def wait(self, seconds: float) -> list[tuple[int, bytes]]:
        """Return the replies that have come, by number; negative seconds: no time-out."""

    def print(self, text: str) -> None:
        """Take what the code printed. May raise `Stop`."""


class GuestMemory:
    """The linear memory of one guest, read and written with checked addresses."""

    def __init__(self, memory: Memory, allocators: Mapping[str, Func]) -> None:
        self._memory = memory
        self._allocators = allocators

    def address(self, store: Store | Caller, place: int, size: int) -> int:
        """Return where `size` bytes at `place` lie in this process. Raises `Stop`."""
        place &= _MASK
        size &= _MASK
        if place + size > self._memory.data_len(store):
            raise Stop("crash")
        return ctypes.addressof(self._memory.data_ptr(store).contents) + place

    def read(self, store: Store | Caller, place: int, size: int) -> bytes:
        """Return a copy of `size` bytes."""
        return ctypes.string_at(self.address(store, place, size), size & _MASK)

    def text(self, store: Store | Caller, place: int, size: int) -> str:
        """Return a text; what is not UTF-8 stops the guest, as a component would."""
        try:
            return self.read(store, place, size).decode()
        except UnicodeDecodeError:
            raise Stop("crash") from None

    def words(self, store: Store | Caller) -> memoryview[int]:
        """Return the memory as words of four bytes, in the order of this machine."""
        size = self._memory.data_len(store)
        start = self.address(store, 0, 0)
        return memoryview((ctypes.c_ubyte * size).from_address(start)).cast("B").cast("I")

    def write(self, store: Store | Caller, place: int, content: bytes) -> None:
        """Copy bytes into memory."""
        ctypes.memmove(self.address(store, place, len(content)), content, len(content))

    def give(self, store: Store | Caller, name: str, content: bytes, alignment: int) -> int:
        """Copy bytes into memory that the guest allocates, and return where they are."""
        try:
            place = self._allocators[name](store, 0, 0, alignment, len(content))
        except (WasmtimeError, WasmtimeTrap) as error:
            raise Stop(find_cause(error, "memory_bytes")) from None
        self.write(store, place, content)
        return int(place)


class Imports:
    """The imports of one guest.

    Args:
        store: the store of the guest.
        host: the functions of the sandbox itself.
        clock: its clock and its random bytes.
        progress: told how many operations of a document are laid out, and of how many. Only a guest
            that loads documents has it, and with it the right to mark its objects as immortal.
    """

    def __init__(
        self, store: Store, host: Host, clock: ClockAndRandom, progress: Progress | None = None
    ) -> None:
        self._store = store
        self._host = host
        self._clock = clock
        self._progress = progress
        self.memory: GuestMemory | None = None
        self.stopped_by: str | None = None
        self.fuel_left = 0
        self._granted = self._functions()

    def define(self, linker: Linker, name: str, type_: FuncType) -> None:
        """Define one import, by `interface@version#function`."""
        plain = _plain_name(name)
        function = self._granted.get(plain)
        if function is None:
            cause = "crash" if plain.startswith(_LAST_WORDS) else "refused"
            function = _drop if plain.startswith("resource#") else _refusal(cause)
        wrapped = self._guard(name, function, bool(type_.results))
        linker.define_func(HOST, name, type_, wrapped, access_caller=True)

    def stop(self, cause: str) -> None:
        """End the guest at its next instruction that counts fuel."""
        if self.stopped_by is None:
            self.stopped_by = cause
            self.fuel_left = self._store.get_fuel()
        self._store.set_fuel(0)

    def _guard(self, name: str, function: HostFunction, has_result: bool) -> HostFunction:
        nothing = 0 if has_result else None

        def call(caller: Caller, *numbers: Any) -> int | None:
            if self.stopped_by is not None:
                return nothing
            try:
                return function(caller, name, *numbers)
            except Stop as stop:
                self.stop(str(stop))
            except BaseException as error:
                self.stop(f"host function failed: {type(error).__name__}: {error}")
            return nothing

        return call

    def _functions(self) -> dict[str, HostFunction]:
        """Return all that a guest gets, by interface and function."""
        granted: dict[str, HostFunction] = {
            "wasi:clocks/wall-clock#now": self._now,
            "wasi:clocks/wall-clock#resolution": self._resolution,
            "wasi:clocks/monotonic-clock#now": lambda *_: _coarse(time.monotonic_ns()),
            "wasi:clocks/monotonic-clock#resolution": lambda *_: CLOCK_NANOSECONDS,
            "wasi:random/random#get-random-bytes": self._random_bytes,
            "pymode:sandbox/host#begin": lambda *_: self._host.begin(),
            "pymode:sandbox/host#start": self._start,
            "pymode:sandbox/host#wait": self._wait,
            "pymode:sandbox/host#print": self._print,
        }
        if self._progress is not None:
            granted["pymode:sandbox/host#progress"] = self._report
            granted["pymode:sandbox/host#keep-forever"] = self._keep_forever
        return granted | dict.fromkeys(_EMPTY_LISTS, self._empty_list)

    @property
    def _guest(self) -> GuestMemory:
        if self.memory is None:
            raise Stop("crash")  # it calls before its memory is known
        return self.memory

    def _now(self, caller: Caller, _name: str, result: int) -> None:
        seconds, rest = divmod(self._clock.now(), 1_000_000_000)
        self._guest.write(caller, result, struct.pack("<QI4x", seconds, rest))

    def _resolution(self, caller: Caller, _name: str, result: int) -> None:
        self._guest.write(caller, result, struct.pack("<QI4x", 0, CLOCK_NANOSECONDS))

    def _random_bytes(self, caller: Caller, name: str, size: int, result: int) -> None:
        if not 0 <= size <= MAX_RANDOM_BYTES:
            raise Stop("refused")
        place = self._guest.give(caller, name, self._clock.random_bytes(size), 1)
        self._guest.write(caller, result, struct.pack("<II", place & _MASK, size))

    def _empty_list(self, caller: Caller, _name: str, result: int) -> None:
        self._guest.write(caller, result, struct.pack("<II", 4, 0))

    def _start(self, caller: Caller, _name: str, *numbers: int) -> int:
        target, target_size, payload, payload_size = numbers
        return self._host.start(
            self._guest.text(caller, target, target_size),
            self._guest.text(caller, payload, payload_size),
        )

    def _wait(self, caller: Caller, name: str, seconds: float, result: int) -> None:
        replies = self._host.wait(seconds)
        table = b""
        for number, reply in replies:
            place = self._guest.give(caller, name, reply, 1)
            table += struct.pack("<III", number, place & _MASK, len(reply))
        at = self._guest.give(caller, name, table, 4) if table else 4
        self._guest.write(caller, result, struct.pack("<II", at & _MASK, len(replies)))

    def _print(self, caller: Caller, _name: str, place: int, size: int) -> None:
        self._host.print(self._guest.text(caller, place, size))

    def _keep_forever(self, caller: Caller, _name: str, place: int, size: int) -> None:
        """Give objects the reference count of those that CPython never frees, and never counts.

        It is the first word of an object. The guest lists its own objects, so a wrong address
        harms nobody else.
        """
        words = self._guest.words(caller)
        for address in array.array("I", self._guest.read(caller, place, size)):
            if words[address // _WORD_BYTES] < _LEAST_IMMORTAL:
                words[address // _WORD_BYTES] = IMMORTAL

    def _report(self, _caller: Caller, _name: str, done: int, whole: int) -> None:
        if self._progress is not None:
            self._progress(done & _MASK, whole & _MASK)


def _drop(*_: object) -> None:
    """Drop a handle; the guest was given none."""


def _refusal(cause: str) -> HostFunction:
    def refuse(*_: object) -> None:
        raise Stop(cause)

    return refuse


def _plain_name(name: str) -> str:
    interface, mark, function = name.partition("#")
    return interface.partition("@")[0] + mark + function.partition(VARIANT)[0]


def _coarse(nanoseconds: int) -> int:
    return nanoseconds - nanoseconds % CLOCK_NANOSECONDS
