"""Rows of the results: one figure each, with a bar if the project sets itself one."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]


def row(what: str, peer: str, value: float, unit: str, **bar: float) -> Row:
    """Return a row.

    Args:
        what: what was measured.
        peer: the name of who was measured.
        value: the figure.
        unit: its unit.
        bar: `most` or `least` that it should be.
    """
    found: Row = {"what": what, "peer": peer, "value": value, "unit": unit}
    return {**found, "bar": bar} if bar else found
