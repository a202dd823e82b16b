"""Compiles a component; run as a process: `python -m pymode.sandbox.compile COMPONENT IMAGE`.

Prints one line of JSON: the digest of the image and the memory that an instance has.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from wasmtime.component import Component

from pymode.sandbox.runtime import Runtime, Trap, make_engine

PAGE_BYTES = 64 * 1024
PAGES = 65536
START_FUEL = 10**10


def main() -> None:
    """Compile the component in the first argument into the file in the second."""
    component, image = Path(sys.argv[1]), Path(sys.argv[2])
    content = bytes(Component(make_engine(), component.read_bytes()).serialize())
    image.write_bytes(content)
    facts = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "memory_bytes": _memory_bytes(image),
    }
    print(json.dumps(facts))  # noqa: T201 - this is the answer


def _memory_bytes(image: Path) -> int:
    """Return the least memory with which an instance starts, by a binary search.

    wasmtime does not tell the size of a component's memory before it runs.
    """
    too_few, enough = 0, PAGES
    while enough - too_few > 1:
        pages = (too_few + enough) // 2
        try:
            Runtime(image, pages * PAGE_BYTES, {}).instantiate(START_FUEL).close()
        except Trap:
            too_few = pages
        else:
            enough = pages
    return enough * PAGE_BYTES


if __name__ == "__main__":
    main()
