"""A call may be cancelled wherever it waits: nothing is lost, and the next call is fine."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from simulated_api import API, Open

from pymode.log import list_calls, list_requests, open_to_read

pytestmark = pytest.mark.anyio

# Turns of the event loop before the cancellation: all of the first, then further and further apart,
# until calls are over before it comes.
TURNS = [*range(12), 16, 24, 40, 70, 120, 200, 400, 800, 1500, 3000, 6000, 12_000, 25_000, 50_000]
WRITE = """
async def main():
    await cloudflare.request("GET", "/simulator/echo/before")
    await cloudflare.request("POST", "/simulator/echo/write-NUMBER", body={"a": 1})
    return "done"
"""


async def test_a_call_can_be_cancelled_at_every_await(
    open_code_mode: Open, api: API, tmp_path: Path
) -> None:
    """Every write that the API saw is in the log, and every cancelled call is told as such."""
    path = tmp_path / "log.sqlite3"
    cancelled = 0
    async with open_code_mode(log=path, workers=2) as code_mode:
        await code_mode.prepare()
        for number, turns in enumerate(TURNS):
            code = WRITE.replace("NUMBER", str(number))
            task = asyncio.create_task(code_mode.execute(code))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            cancelled += task.cancelled()
        assert (await code_mode.execute(WRITE.replace("NUMBER", "last"))).value == "done"
    seen = {request for _, request in api.writes}
    connection = open_to_read(path)
    assert connection is not None
    with connection:
        calls = list_calls(connection, limit=len(TURNS) + 1)
        logged = {
            request.path
            for call in calls
            for request in list_requests(connection, call.id)
            if request.method == "POST"
        }
    connection.close()
    assert cancelled >= 12
    assert "/simulator/echo/write-last" in seen
    assert seen <= logged
    assert {call.outcome for call in calls} <= {"cancelled", "ok"}
