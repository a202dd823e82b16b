"""The memory of a loaded guest, in a file, and instances that start from it again and again.

    file     linear memory, a multiple of 64 KiB · values of the mutable globals · trailer

An instance enters a snapshot by a private mapping of the file over its linear memory, and after a
call `restore` makes it what the snapshot was. That is exact, for an instance holds nothing else:

memory    the pages that were written are listed by the kernel and copied back from the file
globals   every mutable global of every module is set, see `linked.write_globals_module`
tables    no instruction changes one, and no segment can be dropped, see `instructions`
the rest  an instance that trapped, was stopped or has grown its memory is never restored
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from pathlib import Path
from typing import Final, Protocol, Self

from pymode.sandbox.linked import MEMORY_PAGE_BYTES
from pymode.sandbox.pages import PAGE_BYTES, WrittenPages

_TRAILER: Final = struct.Struct("<8sQQ")
_MAGIC: Final = b"pymode\x01\n"
# What was once written stays private and is copied back after each call; over this many pages
# it is cheaper, and saves memory, to map the file anew.
MAX_PRIVATE_PAGES: Final = 2048
_MAP_FIXED: Final = 0x10
_FAILED: Final = ctypes.c_void_p(-1).value

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [
    *(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.memcmp.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]


class SnapshotError(Exception):
    """The file is not a whole snapshot, or this machine cannot use it."""


class Mapped(Protocol):
    """What a snapshot needs of an instance."""

    @property
    def address(self) -> int:
        """Where its linear memory lies."""

    @property
    def memory_bytes(self) -> int:
        """The size of its linear memory."""

    def grow(self, memory_bytes: int) -> None:
        """Grow the linear memory to that size."""

    def read_globals(self) -> bytes:
        """Return the values of all mutable globals."""

    def set_globals(self, values: bytes) -> None:
        """Set all mutable globals."""


def write(instance: Mapped, descriptor: int) -> None:
    """Write the memory and the globals of an instance to an empty file.

    Pages of zeros are left out: the file has holes there, which take no room on the disk.

    Args:
        instance: it may not run meanwhile.
        descriptor: of the open file, as a hardened process can open none.

    Raises:
        OSError: the file cannot be written, for example because the disk is full.
    """
    size = instance.memory_bytes
    view = memoryview((ctypes.c_ubyte * size).from_address(instance.address)).cast("B")
    nothing = bytes(PAGE_BYTES)
    start = 0
    while start < size:
        if view[start : start + PAGE_BYTES] == nothing:
            start += PAGE_BYTES
            continue
        end = start + PAGE_BYTES
        while end < size and view[end : end + PAGE_BYTES] != nothing:
            end += PAGE_BYTES
        os.lseek(descriptor, start, os.SEEK_SET)
        _write_whole(descriptor, view[start:end])
        start = end
    os.lseek(descriptor, size, os.SEEK_SET)
    values = instance.read_globals()
    _write_whole(descriptor, memoryview(values + _TRAILER.pack(_MAGIC, size, len(values))))


class Snapshot:
    """An open snapshot.

    Args:
        path: a file that `write` wrote.

    Raises:
        SnapshotError: it is no whole snapshot.
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.memory_bytes, self._globals = self._read_trailer(path)
            self._original = self._map(None, mmap.PROT_READ, 0)
        except BaseException:
            os.close(self._file)
            raise
        self._written: WrittenPages | None = None

    def _read_trailer(self, path: Path) -> tuple[int, bytes]:
        whole = os.fstat(self._file).st_size
        trailer = os.pread(self._file, _TRAILER.size, max(0, whole - _TRAILER.size))
        if len(trailer) == _TRAILER.size:
            magic, size, values = _TRAILER.unpack(trailer)
            whole_pages = size > 0 and size % MEMORY_PAGE_BYTES == 0
            if magic == _MAGIC and whole_pages and size + values + _TRAILER.size == whole:
                return size, os.pread(self._file, values, size)
        msg = f"{path} is no whole snapshot of a guest"
        raise SnapshotError(msg)

    def open_page_map(self, *, scan: bool = True) -> None:
        """Get ready to restore; before a worker gives up opening files.

        Args:
            scan: see `WrittenPages`.

        Raises:
            OSError: this system does not list written pages: each call needs a fresh instance.
        """
        self._written = WrittenPages(scan=scan)

    @property
    def can_restore(self) -> bool:
        """Whether `restore` works here."""
        return self._written is not None

    def enter(self, instance: Mapped) -> None:
        """Make a fresh instance what the snapshot was.

        Raises:
            SnapshotError: the instance has more memory than the snapshot.
        """
        if instance.memory_bytes > self.memory_bytes:
            raise SnapshotError("a snapshot of another runtime")
        instance.grow(self.memory_bytes)
        self._map_over(instance)
        instance.set_globals(self._globals)

    def restore(self, instance: Mapped) -> int:
        """Make an instance what the snapshot was, after a call that ended by itself.

        Returns:
            The number of pages that were private to the instance.

        Raises:
            SnapshotError: the instance has grown, or this system does not list written pages.
        """
        if self._written is None or instance.memory_bytes != self.memory_bytes:
            raise SnapshotError("the instance cannot be restored")
        base = instance.address
        regions = list(self._written.list(base, self.memory_bytes))
        pages = sum(end - start for start, end in regions) // PAGE_BYTES
        if pages > MAX_PRIVATE_PAGES:
            self._map_over(instance)
        else:
            offset = self._original - base
            for start, end in regions:
                ctypes.memmove(start, start + offset, end - start)
        instance.set_globals(self._globals)
        return pages

    def is_restored(self, instance: Mapped) -> bool:
        """Compare the whole memory and all globals with the snapshot; for tests, as it is slow."""
        return (
            instance.memory_bytes == self.memory_bytes
            and _libc.memcmp(instance.address, self._original, self.memory_bytes) == 0
            and instance.read_globals() == self._globals
        )

    def close(self) -> None:
        """Give the mapping and the files back; instances that have entered stay usable."""
        _libc.munmap(self._original, self.memory_bytes)
        os.close(self._file)
        if self._written is not None:
            self._written.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _map_over(self, instance: Mapped) -> None:
        self._map(instance.address, mmap.PROT_READ | mmap.PROT_WRITE, _MAP_FIXED)

    def _map(self, address: int | None, protection: int, flags: int) -> int:
        flags |= mmap.MAP_PRIVATE | getattr(mmap, "MAP_NORESERVE", 0)
        found = _libc.mmap(address, self.memory_bytes, protection, flags, self._file, 0)
        if found in (None, _FAILED) or (address is not None and found != address):
            code = ctypes.get_errno()
            raise OSError(code, f"the snapshot cannot be mapped: {os.strerror(code)}")
        return int(found)


def _write_whole(descriptor: int, content: memoryview) -> None:
    while content:
        content = content[os.write(descriptor, content) :]
