"""A restored instance is what its snapshot was; with a guest that changes what it can."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from quiet_host import QuietHost
from small_component import make_component

from pymode.sandbox import linked, pages, snapshot
from pymode.sandbox.build_runtime import find_target
from pymode.sandbox.component import take_apart
from pymode.sandbox.instance import Instance, Trap
from pymode.sandbox.snapshot import Snapshot, SnapshotError

MEMORY_BYTES = 8 * 65536


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> linked.Runtime:
    folder = tmp_path_factory.mktemp("small")
    linked.write(take_apart(make_component()), folder, find_target())
    return linked.read(folder)


def make(runtime: linked.Runtime) -> Instance:
    return Instance(runtime, QuietHost(), MEMORY_BYTES)


def write(instance: Instance, path: Path) -> Path:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    snapshot.write(instance, descriptor)
    os.close(descriptor)
    return path


@pytest.fixture
def path(small: linked.Runtime, tmp_path: Path) -> Path:
    """Give a snapshot of an instance that has run three times and has grown."""
    loader = make(small)
    for request in (b"", b"g", b"r"):
        loader.call("run", request)
    return write(loader, tmp_path / "snapshot")


@pytest.fixture(params=[True, False], ids=["PAGEMAP_SCAN", "pagemap"])
def snap(path: Path, request: pytest.FixtureRequest) -> Iterator[Snapshot]:
    with Snapshot(path) as opened:
        try:
            opened.open_page_map(scan=request.param)
        except OSError as error:
            pytest.skip(str(error))
        yield opened


def test_an_instance_that_enters_goes_on_where_the_loader_was(
    small: linked.Runtime, snap: Snapshot
) -> None:
    instance = make(small)
    snap.enter(instance)
    assert snap.is_restored(instance)
    assert instance.memory_bytes == snap.memory_bytes == 3 * 65536
    assert instance.call("run", b"") == (4).to_bytes(8, "little")


def test_after_a_restore_a_call_finds_nothing_of_the_one_before(
    small: linked.Runtime, snap: Snapshot
) -> None:
    instance = make(small)
    snap.enter(instance)
    for request in (b"w", b"r", b"s" * 5000, b"", b"w"):
        instance.call("run", request)
        assert not snap.is_restored(instance)
        snap.restore(instance)
        assert snap.is_restored(instance)
        assert instance.call("run", b"") == (4).to_bytes(8, "little")
        snap.restore(instance)


def test_many_random_calls_leave_no_trace(small: linked.Runtime, snap: Snapshot) -> None:
    chance = random.Random(7)
    instance = make(small)
    snap.enter(instance)
    for _ in range(300):
        for _ in range(chance.randrange(3)):
            letter = chance.choice(b"wrs\0")
            instance.call("run", bytes([letter]) * chance.randrange(1, 9000))
        if chance.random() < 0.2:
            instance.call("touch", None)
        snap.restore(instance)
        assert snap.is_restored(instance)


def test_what_only_a_global_holds_is_restored(small: linked.Runtime, snap: Snapshot) -> None:
    instance = make(small)
    snap.enter(instance)
    instance.call("touch", None)
    assert not snap.is_restored(instance)
    snap.restore(instance)
    assert instance.call("run", b"") == (4).to_bytes(8, "little")


def test_many_written_pages_are_mapped_anew(
    small: linked.Runtime, snap: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "MAX_PRIVATE_PAGES", 5)
    instance = make(small)
    snap.enter(instance)
    instance.call("run", b"w")
    assert snap.restore(instance) > 5
    assert snap.is_restored(instance)
    assert snap.restore(instance) < 5


def test_two_instances_share_nothing(small: linked.Runtime, snap: Snapshot) -> None:
    first, second = make(small), make(small)
    snap.enter(first)
    snap.enter(second)
    first.call("run", b"w")
    assert snap.is_restored(second)
    second.call("run", b"r")
    snap.restore(first)
    assert snap.is_restored(first)
    assert not snap.is_restored(second)


def test_an_instance_that_has_grown_is_not_restored(small: linked.Runtime, snap: Snapshot) -> None:
    instance = make(small)
    snap.enter(instance)
    instance.call("run", b"g")
    with pytest.raises(SnapshotError):
        snap.restore(instance)


def test_an_instance_with_less_memory_than_the_snapshot_does_not_enter(
    small: linked.Runtime, snap: Snapshot
) -> None:
    with pytest.raises(Trap) as caught:
        snap.enter(Instance(small, QuietHost(), 2 * 65536))
    assert caught.value.cause == "memory_bytes"


def test_without_a_page_map_an_instance_enters_and_is_not_restored(
    small: linked.Runtime, path: Path
) -> None:
    with Snapshot(path) as opened:
        instance = make(small)
        opened.enter(instance)
        assert not opened.can_restore
        with pytest.raises(SnapshotError):
            opened.restore(instance)


def test_pages_of_zeros_are_holes(small: linked.Runtime, path: Path) -> None:
    assert path.stat().st_blocks * 512 < path.stat().st_size // 2


@pytest.mark.parametrize("kept", [0, 10, 65536, 0.5, 0.999, -1])
def test_half_a_file_is_refused(path: Path, tmp_path: Path, kept: float) -> None:
    whole = path.read_bytes()
    end = int(kept * len(whole)) if isinstance(kept, float) else kept
    part = tmp_path / "part"
    part.write_bytes(whole[:end])
    with pytest.raises(SnapshotError, match="no whole snapshot"):
        Snapshot(part)


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign"
    path.write_bytes(os.urandom(200_000))
    with pytest.raises(SnapshotError):
        Snapshot(path)


def test_written_pages_are_listed_exactly(snap: Snapshot, small: linked.Runtime) -> None:
    instance = make(small)
    snap.enter(instance)
    page_map = pages.WrittenPages()
    assert list(page_map.list(instance.address, snap.memory_bytes)) == []
    snap.restore(instance)
    assert list(page_map.list(instance.address, snap.memory_bytes)) == []
    instance.call("run", b"r")
    regions = list(page_map.list(instance.address, snap.memory_bytes))
    offsets = {start - instance.address for start, _ in regions}
    assert 0 in offsets
    assert sum(end - start for start, end in regions) < 6 * pages.PAGE_BYTES
    page_map.close()
