"""A `CodeMode` that runs nothing: the edges are tested against what it is told to answer."""

from __future__ import annotations

import asyncio
import json

from pymode.answers.prompts import Facts
from pymode.apis.openapi import OpenAPI
from pymode.call.result import Result, Timings
from pymode.errors import CodeRaised, LimitExceeded
from pymode.limits import Limits


class FakeCodeMode:
    """Answers by the first word of the code, and remembers what it was asked.

    `echo` returns its arguments, `print` and `surrogate` print, `raise` raises, `loop` hits the
    fuel limit, `wait` waits until it is cancelled, `crash` fails inside; anything else returns
    "ok".
    """

    has_token = False
    names = ("cloudflare",)
    apis = (OpenAPI("cloudflare"),)
    kinds = {"cloudflare": "api"}  # noqa: RUF012
    limits = Limits()

    def __init__(self, *, prepares=(), value="ok"):
        self.value = value
        self.identity = {}
        self.prepares = list(prepares)
        self.prepared = 0
        self.entered = 0
        self.left = 0
        self.waiting = asyncio.Event()
        self.stopped = asyncio.Event()
        self.build_may_go_on = asyncio.Event()
        self.build_may_go_on.set()

    async def __aenter__(self):
        self.entered += 1
        return self

    async def __aexit__(self, *_):
        self.left += 1

    async def prepare(self, progress=None):
        self.prepared += 1
        for fraction, sentence in ((0.25, "building the image"), (0.75, "compiling the image")):
            if progress is not None:
                progress(fraction, sentence)
            await asyncio.sleep(0)
            await self.build_may_go_on.wait()
        outcome = self.prepares.pop(0) if self.prepares else None
        if outcome is not None:
            raise outcome

    async def survey(self):
        return [Facts("cloudflare", "api")]

    async def search(self, code, *, token=None, progress=None, keep=True, session=""):
        return await self._run(code, tool="search")

    async def execute(
        self,
        code,
        *,
        token=None,
        account_id=None,
        progress=None,
        approver=None,
        journal=None,
        keep=True,
        session="",
        elicit=None,
        tool_progress=None,
    ):
        shown = None if token is None else token.get_secret_value()
        return await self._run(code, tool="execute", token=shown, account_id=account_id)

    async def _run(self, code, **asked):
        match code.split()[0]:
            case "echo":
                return result({"code": code, **asked})
            case "print":
                return result(self.value, logs="hello\n", notes=("NaN became null",))
            case "surrogate":
                return result(self.value, logs="half \ud800")
            case "raise":
                raise CodeRaised("CloudflareError: 403 no token", logs="before it failed\n")
            case "loop":
                raise LimitExceeded("the code used all its fuel; do less", limit="fuel")
            case "crash":
                raise RuntimeError("secret inside")
            case "wait":
                await self._wait()
        return result(self.value)

    async def _wait(self):
        self.waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            # A clean-up that awaits: it must get through although the call was cancelled.
            for _ in range(3):
                await asyncio.sleep(0)
            self.stopped.set()


def result(value, *, logs="", notes=(), requests=()):
    json.dumps(value)
    timings = Timings(waited_seconds=0.0, run_seconds=0.01, total_seconds=0.01)
    return Result(value, logs, tuple(notes), 1_000_000, timings, tuple(requests))
