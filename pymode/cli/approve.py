"""`pymode approve`: lists what waits for a person's approval, and approves it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from pymode.cli.console import say
from pymode.log import Database, default_path
from pymode.log.approvals import Approvals
from pymode.policy.approvals import Question


def approve(
    identifier: Annotated[
        str | None, typer.Argument(metavar="ID", help="What the refused call named; none lists.")
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option("--log", envvar="PYMODE_LOG", help="The log that the server writes."),
    ] = None,
) -> None:
    """Approve one request that waits, once; without ID, list what waits."""
    asyncio.run(_approve(identifier, log or default_path()))


async def _approve(identifier: str | None, path: Path) -> None:
    database = Database(path)
    await database.open()
    try:
        approvals = Approvals(database)
        if identifier is None:
            waiting = await approvals.waiting()
            for each, question in waiting.items():
                say(f"{each}  {_show(question)}")
            if not waiting:
                say("nothing waits for an approval")
            return
        question = await approvals.approve(identifier)
        say(f"approved, once: {_show(question)}")
    finally:
        await database.close()


def _show(question: Question) -> str:
    summary = f" ({question.summary})" if question.summary else ""
    return f"{question.method} {question.path}{summary} {question.body_text}".rstrip()
