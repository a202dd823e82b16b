"""`pymode build`."""

from __future__ import annotations

import asyncio

from pymode.cli import gateway
from pymode.cli.console import say, showing_progress
from pymode.cli.options import with_settings
from pymode.cli.settings import Settings


@with_settings
def build(settings: Settings) -> None:
    """Load the documents into the sandbox now, so that the first call need not wait for it."""
    asyncio.run(_build(settings))


async def _build(settings: Settings) -> None:
    async with gateway.make_code_mode(settings, workers=1) as code_mode:
        with showing_progress() as progress:
            await code_mode.prepare(progress)
        names = ", ".join(api.name for api in gateway.read_apis(settings)) or "MCP servers"
        say(f"pymode: the image for {names} is ready")
