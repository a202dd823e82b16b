"""What a guest may pass to its host, and how it is stopped; with a guest that means harm."""

from __future__ import annotations

from pathlib import Path

import pytest
import wasmtime
from quiet_host import QuietHost
from small_component import make_component

from pymode.sandbox import linked
from pymode.sandbox.component import take_apart
from pymode.sandbox.conditions import ClockAndRandom, Conditions
from pymode.sandbox.engine import find_target, fits
from pymode.sandbox.imports import Stop
from pymode.sandbox.instance import Instance, Trap

MEMORY_BYTES = 4 * 65536
FUEL = 10_000_000


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> linked.Runtime:
    folder = tmp_path_factory.mktemp("small")
    linked.write(take_apart(make_component()), folder, find_target())
    return linked.read(folder)


@pytest.fixture
def host() -> QuietHost:
    return QuietHost()


@pytest.fixture
def guest(small: linked.Runtime, host: QuietHost) -> Instance:
    return Instance(small, host, MEMORY_BYTES)


def stop(guest: Instance, request: bytes, fuel: int = FUEL) -> str:
    with pytest.raises(Trap) as caught:
        guest.call("run", request, fuel)
    # No exception waits in wasmtime for the next call.
    assert wasmtime._func.LAST_EXCEPTION is None
    return caught.value.cause


def test_a_call_takes_text_and_returns_text(guest: Instance) -> None:
    assert guest.call("run", b"") == (1).to_bytes(8, "little")
    assert guest.call("run", b"") == (2).to_bytes(8, "little")


def test_the_guest_hands_text_to_the_host(guest: Instance, host: QuietHost) -> None:
    guest.call("run", "sé".encode())
    assert host.started == [("s", "sé")]


@pytest.mark.parametrize(
    ("request_", "cause"),
    [
        (b"b", "crash"),
        (b"h", "crash"),
        (b"u", "crash"),
        (b"m", "refused"),
        (b"e", "refused"),
        (b"o", "crash"),
        (b"x", "crash"),
        (b"l", "fuel"),
        (b"d", "stack"),
    ],
)
def test_a_guest_that_oversteps_is_stopped(guest: Instance, request_: bytes, cause: str) -> None:
    assert stop(guest, request_, 10**9) == cause


def test_a_guest_that_was_stopped_asks_the_host_for_nothing_more(
    guest: Instance, host: QuietHost
) -> None:
    """It prints after it was refused an exit."""
    stop(guest, b"e")
    assert host.printed == []


def test_a_host_that_stops_its_guest_gives_the_cause(small: linked.Runtime) -> None:
    class Full(QuietHost):
        def start(self, target: str, payload: str) -> int:
            raise Stop("host_calls")

    guest = Instance(small, Full(), MEMORY_BYTES)
    assert stop(guest, b"s") == "host_calls"
    assert 0 < guest.fuel_left() < FUEL


def test_a_fault_of_the_host_stops_the_guest_and_says_so(small: linked.Runtime) -> None:
    class Faulty(QuietHost):
        def start(self, target: str, payload: str) -> int:
            raise KeyboardInterrupt

    assert "KeyboardInterrupt" in stop(Instance(small, Faulty(), MEMORY_BYTES), b"s")


def test_the_epoch_ends_a_busy_guest(small: linked.Runtime, host: QuietHost) -> None:
    guest = Instance(small, host, MEMORY_BYTES)
    small.engine.increment_epoch()
    with pytest.raises(Trap) as caught:
        guest.call("run", b"l", 10**12, 0)
    assert caught.value.cause == "wall_seconds"


def test_memory_is_limited(small: linked.Runtime, host: QuietHost) -> None:
    guest = Instance(small, host, 2 * 65536)
    guest.call("run", b"g")
    assert guest.memory_bytes == 2 * 65536
    with pytest.raises(Trap):
        Instance(small, host, 65536)


def test_random_bytes_come_from_the_seed_where_there_is_one(small: linked.Runtime) -> None:
    def draw() -> bytes:
        clock = ClockAndRandom()
        clock.prepare(Conditions("00" * 16, 0))
        clock.begin()
        return Instance(small, QuietHost(), MEMORY_BYTES, clock).call("run", b"r")

    assert draw() == draw()
    other = Instance(small, QuietHost(), MEMORY_BYTES)
    assert other.call("run", b"r") != draw()


def test_a_damaged_runtime_is_not_opened(small: linked.Runtime, tmp_path: Path) -> None:
    linked.write(take_apart(make_component()), tmp_path, find_target())
    linked.read(tmp_path)
    file = tmp_path / linked.GLOBALS
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(linked.RuntimeDamaged, match="damaged"):
        linked.read(tmp_path)
    (tmp_path / linked.MANIFEST).write_text("{")
    with pytest.raises(linked.RuntimeDamaged):
        linked.read(tmp_path)


def test_a_runtime_for_another_machine_does_not_fit(tmp_path: Path) -> None:
    assert not fits(tmp_path, find_target())
    linked.write(take_apart(make_component()), tmp_path, "pulley64")
    assert fits(tmp_path, "pulley64")
    assert not fits(tmp_path, find_target())
