"""`pymode demo`."""

from __future__ import annotations

import asyncio

import typer

from pymode.cli.status import FAILED


def demo() -> None:
    """Show a search, an execute and a stopped loop, on a simulated API."""
    from pymode.demo import run_demo

    if not asyncio.run(run_demo()):
        raise typer.Exit(FAILED)
