"""What is too large for a message fails its own call, and no worker ends over it."""

from __future__ import annotations

import asyncio

import pytest
from loopback import running

from pymode.codemode import CodeMode
from pymode.limits import MIB
from pymode.protocol.messages import Call
from pymode.sandbox.worker_process import CallTooLarge

pytestmark = pytest.mark.anyio

SIZE_BYTES = 32 * MIB
# 0x80 is the euro sign in what the web calls latin-1: three bytes in UTF-8.
HEAD = (
    "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=latin-1\r\n"
    f"content-length: {SIZE_BYTES}\r\n\r\n"
)
ANSWER = HEAD.encode() + b"\x80" * SIZE_BYTES

FETCH = """
async def run():
    try:
        answer = await cloudflare.request("GET", "/zones")
    except CloudflareError as error:
        return str(error)
    return len(answer["result"])
"""
LEAVE = """
import asyncio

async def run():
    asyncio.ensure_future(cloudflare.request("GET", "/zones"))
    await asyncio.sleep(0.01)
    return 1
"""


async def test_an_answer_that_is_too_large_as_text_is_a_failure_of_its_own_request(user_folders):
    async with (
        running(ANSWER) as api,
        CodeMode("cloudflare", base_url=api.url, workers=1) as code_mode,
    ):
        await code_mode.prepare()
        workers = list(code_mode.pool.pids)
        message = (await code_mode.execute(FETCH, token="one")).value
        assert "too large for the sandbox" in message
        assert "100,663,3" in message
        assert (await code_mode.execute("return 2", token="another")).value == 2
        assert code_mode.pool.pids == workers


async def test_such_an_answer_that_nobody_reads_any_more_ends_no_worker(user_folders):
    """The call may be over when it comes; the next caller has the same worker."""
    async with (
        running(ANSWER) as api,
        CodeMode("cloudflare", base_url=api.url, workers=1) as code_mode,
    ):
        await code_mode.prepare()
        workers = list(code_mode.pool.pids)
        for _ in range(3):
            assert (await code_mode.execute(LEAVE, token="one")).value == 1
            assert (await code_mode.execute("return 2", token="another")).value == 2
        assert code_mode.pool.pids == workers


async def test_a_call_that_no_worker_takes_is_refused_before_it_is_sent(code_mode):
    workers = set(code_mode.pool.pids)
    with pytest.raises(CallTooLarge, match="send less code"):
        await code_mode.pool.run(Call("x" * 80 * MIB), None)
    assert (await asyncio.gather(*(code_mode.search("return 1") for _ in range(4))))[3].value == 1
    assert workers <= set(code_mode.pool.pids)
