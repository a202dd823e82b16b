"""Reads hostile input beside the event loop, so that nobody else waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from pymode.actions.context import Context
from pymode.policy.action import Action

A = TypeVar("A", bound=Action)

# GraphQL of this length takes 10 ms at worst; most requests are shorter.
MAX_QUICK_BYTES: Final = 2_000

# One thread: what it reads is pure Python, so a second one would take time from the event loop.
_reader = ThreadPoolExecutor(1, "pymode-reader")


async def judge(judge: Callable[[A], A], action: A, context: Context) -> A:
    """Judge an action, in a thread of its own if it is long.

    Of each run one action is judged at a time, so that a run with many waits behind itself.

    Raises:
        RequestRefused: `judge` refuses the action.
    """
    if action.size_bytes <= MAX_QUICK_BYTES:
        return judge(action)
    async with context.judging:
        return await asyncio.get_running_loop().run_in_executor(_reader, judge, action)
