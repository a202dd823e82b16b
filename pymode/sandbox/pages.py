"""Finds the pages of a private file mapping that were written, on Linux.

A page of such a mapping is the file's until somebody writes to it: then the kernel makes a private
copy, which belongs to no file. So the pages that are present or swapped out and belong to no file
are exactly those that were written.
"""

from __future__ import annotations

import array
import ctypes
import errno
import fcntl
import mmap
import os
import sys
from collections.abc import Iterator
from typing import Final

# From linux/fs.h: _IOWR('f', 16, struct pm_scan_arg).
PAGEMAP_SCAN: Final = 0xC0606610
_IS_FILE, _IS_PRESENT, _IS_SWAPPED = 1 << 2, 1 << 3, 1 << 4
# `struct page_region` is three numbers: start, end and categories.
_REGIONS: Final = 8192
# Bits of an entry of /proc/self/pagemap, from Documentation/admin-guide/mm/pagemap.rst.
_ENTRY_PRESENT, _ENTRY_SWAPPED, _ENTRY_FILE = 1 << 63, 1 << 62, 1 << 61
_ENTRY_BYTES: Final = 8
# At most so much of the page map is read at once.
_READ_BYTES: Final = 1 << 20

PAGE_BYTES: Final = mmap.PAGESIZE


class _Scan(ctypes.Structure):
    """`struct pm_scan_arg`."""

    _fields_ = [
        (name, ctypes.c_uint64)
        for name in (
            *("size", "flags", "start", "end", "walk_end", "vec", "vec_len", "max_pages"),
            *("category_inverted", "category_mask", "category_anyof_mask", "return_mask"),
        )
    ]


class WrittenPages:
    """Lists what was written, by the kernel's `PAGEMAP_SCAN` or its table of pages.

    Opened before a worker gives up opening files.

    Args:
        scan: whether `PAGEMAP_SCAN` is tried; it is there from Linux 6.7 on.

    Raises:
        OSError: there is no page map, as on macOS.
    """

    def __init__(self, *, scan: bool = True) -> None:
        if sys.platform != "linux":
            raise OSError(errno.ENOSYS, f"{sys.platform} does not list written pages")
        self._file = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        self._regions = (ctypes.c_uint64 * (3 * _REGIONS))()
        self._numbers = memoryview(self._regions).cast("B").cast("Q")
        self._has_scan = scan and self._try_scan()

    def list(self, start: int, size: int) -> Iterator[tuple[int, int]]:
        """Yield the first address and the end of each written region.

        Args:
            start: address of a private file mapping.
            size: its bytes, a multiple of the page size.
        """
        return self._scan(start, start + size) if self._has_scan else self._read(start, size)

    def close(self) -> None:
        """Close the page map."""
        os.close(self._file)

    def _try_scan(self) -> bool:
        try:
            list(self._scan(0, 0))
        except OSError as error:
            if error.errno in (errno.ENOTTY, errno.EINVAL, errno.ENOSYS, errno.EPERM):
                return False
            raise
        return True

    def _scan(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        while True:
            scan = _Scan(
                size=ctypes.sizeof(_Scan),
                start=start,
                end=end,
                vec=ctypes.addressof(self._regions),
                vec_len=_REGIONS,
                # Not of a file, and present or swapped out.
                category_inverted=_IS_FILE,
                category_mask=_IS_FILE,
                category_anyof_mask=_IS_PRESENT | _IS_SWAPPED,
                return_mask=_IS_PRESENT,
            )
            found = fcntl.ioctl(self._file, PAGEMAP_SCAN, scan)
            # As numbers at once: an attribute of each region would take longer than the call.
            numbers = self._numbers[: 3 * found].tolist()
            yield from zip(numbers[::3], numbers[1::3], strict=True)
            if scan.walk_end >= end or not found:
                return
            start = scan.walk_end

    def _read(self, start: int, size: int) -> Iterator[tuple[int, int]]:
        pages = size // PAGE_BYTES
        os.lseek(self._file, start // PAGE_BYTES * _ENTRY_BYTES, os.SEEK_SET)
        first = None
        number = 0
        while number < pages:
            content = os.read(self._file, min(_READ_BYTES, (pages - number) * _ENTRY_BYTES))
            if not content:
                raise OSError(errno.EIO, "the page map ends too early")
            for entry in array.array("Q", content):
                written = entry & (_ENTRY_PRESENT | _ENTRY_SWAPPED) and not entry & _ENTRY_FILE
                if written and first is None:
                    first = number
                elif not written and first is not None:
                    yield start + first * PAGE_BYTES, start + number * PAGE_BYTES
                    first = None
                number += 1
        if first is not None:
            yield start + first * PAGE_BYTES, start + pages * PAGE_BYTES
