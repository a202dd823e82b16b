"""A long action is judged beside the event loop, one of each run at a time."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pymode.actions import apart
from pymode.actions.context import Context
from pymode.errors import RequestRefused
from pymode.policy import graphql
from pymode.policy.action import Request, RequestAction

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def make(content: bytes) -> RequestAction:
    headers = {"content-type": "application/json"}
    request = Request("POST", "/graphql", headers=headers, content=content)
    return RequestAction("POST", "/graphql", request=request)


SHORT = make(b'{"query": "{a}"}')
LONG = make(b'{"query": "{' + b"a " * 10_000 + b'}"}')


async def test_a_short_action_is_judged_at_once() -> None:
    threads = []

    def judge(action: RequestAction) -> RequestAction:
        threads.append(threading.current_thread())
        return action

    assert await apart.judge(judge, SHORT, Context()) is SHORT
    assert threads == [threading.current_thread()]


async def test_while_a_long_action_is_judged_others_go_on() -> None:
    """The judge here ends only if the event loop runs meanwhile."""
    goes_on = threading.Event()

    def judge(action: RequestAction) -> RequestAction:
        assert goes_on.wait(30)
        assert graphql.judge(action) == "read"
        return action

    judging = asyncio.create_task(apart.judge(judge, LONG, Context()))
    await asyncio.sleep(0)
    goes_on.set()
    assert await judging is LONG


async def test_a_run_with_many_long_actions_waits_behind_itself() -> None:
    """Another run has to wait for one of them only."""
    order = []
    one, other = Context(), Context()

    def judge_for(name: str, action: RequestAction) -> RequestAction:
        order.append(name)
        return action

    async def run(name: str, context: Context) -> None:
        await apart.judge(lambda action: judge_for(name, action), LONG, context)

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(run("one", one))
        group.create_task(run("other", other))
    assert "other" in order[:3]


async def test_what_a_long_action_is_refused_for_is_raised() -> None:
    def judge(_: RequestAction) -> RequestAction:
        raise RequestRefused("no")

    with pytest.raises(RequestRefused, match="no"):
        await apart.judge(judge, LONG, Context())
