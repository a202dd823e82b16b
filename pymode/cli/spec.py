"""`pymode spec`: the API documents that pymode keeps."""

from __future__ import annotations

import asyncio

import typer

from pymode.cli.console import say, showing_progress

spec_app = typer.Typer(no_args_is_help=True, help="The API documents that pymode keeps.")


@spec_app.command()
def pull() -> None:
    """Fetch the official Cloudflare document; from then on `cloudflare` means that one."""
    asyncio.run(_pull())


async def _pull() -> None:
    from pymode.documents import pull as pull_spec

    with showing_progress() as progress:
        spec = await pull_spec(progress=progress)
    say(f"pymode: {spec.note or 'fetched'}: {spec.source}, {len(spec.raw) / 1e6:.1f} MB")
