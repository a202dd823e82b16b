"""Where the files that come with the package lie: the guest's sources and the shipped specs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pymode.errors import ConfigError


def folder(name: Literal["wasm", "specs"]) -> Path:
    """Return the folder `name` of the package's data.

    A wheel carries it inside the package, in `_data`; an editable install reads it beside the
    package, where it is written.

    Args:
        name: "wasm" for the WIT world and the guest, "specs" for the shipped specs.

    Raises:
        ConfigError: the installation lacks the folder.
    """
    package = Path(__file__).resolve().parent
    for place in (package / "_data" / name, package.parent / name):
        if place.is_dir():
            return place
    msg = f"the folder {name!r} is missing from this installation; install pymode again"
    raise ConfigError(msg)
