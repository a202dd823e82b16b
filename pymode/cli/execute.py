"""`pymode execute`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pymode.apis.identity import find_missing
from pymode.cli import gateway
from pymode.cli.approval_prompt import find_terminal
from pymode.cli.code import Code, print_result, read_code
from pymode.cli.console import say, showing_progress
from pymode.cli.options import with_settings
from pymode.cli.settings import Settings
from pymode.errors import CodeRaised
from pymode.namespaces import token_variable

if TYPE_CHECKING:
    from pymode.call.result import Result


@with_settings
def execute(settings: Settings, code: Code) -> None:
    """Run CODE against the APIs and MCP servers; print what it returns, as JSON.

    The token is that in CLOUDFLARE_API_TOKEN, or in NAME_API_TOKEN for another API.
    """
    print_result(*asyncio.run(_execute(settings, read_code(code))))


async def _execute(settings: Settings, code: str) -> tuple[Result, str]:
    apis = gateway.read_apis(settings)
    tokens = gateway.read_tokens(apis)
    async with gateway.make_code_mode(settings, workers=1) as code_mode:
        with showing_progress() as progress:
            await code_mode.prepare(progress)
        try:
            with find_terminal() as approver:
                result = await code_mode.execute(
                    code,
                    token=tokens,
                    account_id=gateway.read_account(settings, apis),
                    approver=approver,
                    keep=settings.log_path is not None,
                )
                return result, await result.render(settings.max_tokens)
        except CodeRaised as error:
            if missing := find_missing(apis, tokens, str(error)):
                variables = " and ".join(map(token_variable, missing))
                say(f"pymode: no API token was sent; set {variables}")
            raise
