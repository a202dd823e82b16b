"""`pymode search`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pymode.cli import gateway
from pymode.cli.code import Code, print_result, read_code
from pymode.cli.console import showing_progress
from pymode.cli.options import with_settings
from pymode.cli.settings import Settings

if TYPE_CHECKING:
    from pymode.call.result import Result


@with_settings
def search(settings: Settings, code: Code) -> None:
    """Run CODE over documents and descriptions of tools; print what it returns, as JSON."""
    print_result(*asyncio.run(_search(settings, read_code(code))))


async def _search(settings: Settings, code: str) -> tuple[Result, str]:
    tokens = gateway.read_tokens(gateway.read_apis(settings))
    async with gateway.make_code_mode(settings, workers=1) as code_mode:
        with showing_progress() as progress:
            await code_mode.prepare(progress)
        # What is kept in memory ends with the process, so no answer may name it.
        keep = settings.log_path is not None
        result = await code_mode.search(code, token=tokens, keep=keep)
        return result, await result.render(settings.max_tokens)
