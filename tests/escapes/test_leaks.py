"""Nothing leaks from one call to the next, and the token leaks nowhere."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from attacks import fail, reach
from pydantic import SecretStr

from pymode.codemode import CodeMode
from pymode.errors import CodeRaised
from pymode.simulator import running

pytestmark = pytest.mark.anyio

TOKEN = "canary-7f3a9c51e2d84b60-token"

PATCHES = {
    "a module": "json.canary = 1",
    "the builtins": "builtins['canary'] = 1",
    "the spec": "spec.clear(); spec['canary'] = 1",
    "an operation of the spec": "next(iter(spec['paths'].values()))['canary'] = 1",
    "a class": "driver.HostLoop.canary = 1",
    "the driver": "driver.encode = lambda *_: 1 / 0; raise ValueError",
    "the modules": "sys.modules.clear()",
    "the recursion limit": "sys.setrecursionlimit(5000)",
    "the output": "sys.stdout = None",
    "the environment": "os.environ['CANARY'] = '1'",
    "the codecs": "load('codecs').register(lambda name: 1 / 0)",
    "warnings": "load('warnings').simplefilter('error')",
    "decimals": "import decimal\ndecimal.getcontext().prec = 1",
    "random numbers": "import random\nrandom.seed(1)",
}

LOOK = """
import decimal
canaries = [
    hasattr(json, "canary"), "canary" in builtins, "canary" in spec,
    any("canary" in methods for methods in spec["paths"].values()),
    hasattr(driver.HostLoop, "canary"), dict(os.environ),
]
return [canaries, len(spec["paths"]), sys.getrecursionlimit(), decimal.getcontext().prec]
"""


@pytest.fixture(scope="module")
async def api(user_folders: Path) -> AsyncIterator[CodeMode]:
    """Give a sandbox whose API is the simulated one, with a token."""
    with running() as url:
        async with CodeMode("cloudflare", base_url=url, token=TOKEN, workers=1) as prepared:
            await prepared.prepare()
            yield prepared


@pytest.mark.parametrize("patch", PATCHES)
async def test_what_one_call_patches_no_other_sees(cell, patch):
    """The same worker serves both calls; the instance is another."""
    before = (await cell.search(reach(LOOK))).value
    with contextlib.suppress(CodeRaised):
        await cell.search(reach(PATCHES[patch] + "\nreturn 1"))
    assert (await cell.search(reach(LOOK))).value == before
    assert before[0] == [False, False, False, False, False, {}]


async def test_globals_and_prints_stay_in_their_call(cell):
    """A name that one call defines is unknown to the next."""
    first = await cell.search("canary = 1\nprint('canary')\nreturn canary")
    assert (first.value, first.logs) == (1, "canary\n")
    error = await fail(cell.search("return canary"))
    assert "NameError" in str(error)
    assert error.logs == ""


async def test_calls_draw_different_random_numbers(cell):
    """The snapshot has frozen no generator: neither before nor after a rehearsal."""
    code = """
    import random, secrets, uuid
    sources = (random.random, uuid.uuid4, secrets.token_hex, random.SystemRandom().random)
    return [str(source()) for source in sources]
    """
    values = [(await cell.search(code)).value for _ in range(6)]
    for drawn in zip(*values, strict=True):
        assert len(set(drawn)) == len(values)


async def test_time_goes_on_between_calls(cell):
    """No clock is frozen in the snapshot."""
    code = "import time\nreturn [time.time(), time.monotonic()]"
    first = (await cell.search(code)).value
    await cell.search("import asyncio\nawait asyncio.sleep(0.01)\nreturn 1")
    second = (await cell.search(code)).value
    assert second[0] > first[0]
    assert second[1] > first[1]


async def test_a_late_reply_goes_to_no_one(user_folders):
    """A call that ends before its reply leaves nothing for the next call on its worker."""
    asked, go = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await go.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\ncanary")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, CodeMode("cloudflare", base_url=url, workers=1) as cm:
        ask = """host.start("cloudflare", '{"method": "GET", "path": "/late"}')"""
        await cm.execute(reach(f"{ask}\nreturn host.wait(1.0)"))
        async with asyncio.timeout(10):
            await asked.wait()
        refused = """host.start("nobody", "")"""
        go.set()
        result = await cm.execute(
            reach(f"{refused}\nreturn [c.reply for _ in range(3) for c in host.wait(0.1)]")
        )
        assert "canary" not in str(result.value)
        assert len(result.value) == 1


async def test_replies_that_no_one_takes_do_not_reach_the_next_call(cell):
    """They are refusals here, and lie in the worker's pipe when the call ends."""
    await cell.search(reach("for _ in range(200): host.start('nobody', '')\nreturn 1"))
    result = await cell.search(reach("return [c.reply for _ in range(3) for c in host.wait(0.05)]"))
    assert result.value == []


async def test_the_guest_holds_no_token(api):
    """Every text that the interpreter can reach is looked at, before and after a request."""
    body = f"""
    gc = load("gc")
    await cloudflare.request("GET", "/simulator/echo")
    secret = "{TOKEN[::-1]}"[::-1]
    gc.unfreeze()
    seen, waiting, found = set(), [sys.modules, gc.get_objects()], 0
    while waiting:
        things = gc.get_referents(*waiting)
        waiting = []
        for thing in things:
            if id(thing) not in seen:
                seen.add(id(thing))
                waiting.append(thing)
                if isinstance(thing, str) and thing is not secret and secret in thing:
                    found += 1
    return [found, len(seen) > 10_000]
    """
    result = await api.execute(reach(body))
    assert result.value == [0, True]


async def test_an_api_that_echoes_the_token_does_not_give_it_away(api):
    """Neither the value nor the prints nor the record of requests hold it."""
    code = """
    reply = await cloudflare.request("GET", "/simulator/echo", query={"q": "1"}, body={"a": 1})
    print(reply)
    headers = reply["result"]["headers"]
    return [headers["authorization"], reply, ",".join(headers["authorization"])]
    """
    result = await api.execute(code)
    assert result.value[0] == "Bearer [token]"
    everything = repr(result) + result.logs + json.dumps(result.value)
    assert TOKEN not in everything
    assert ",".join(TOKEN) not in everything


async def test_the_code_cannot_set_or_move_the_authorization(api):
    """Headers that carry credentials are the host's alone, by any spelling."""
    code = """
    found = []
    for name in ("Authorization", "AUTHORIZATION", "authorization ", "Host", "Cookie", "X\\r\\nA"):
        try:
            await cloudflare.request("GET", "/simulator/echo", headers={name: "mine"})
            found.append(name)
        except CloudflareError as error:
            print(error)
    return found
    """
    result = await api.execute(code)
    assert "Authorization" not in result.value
    assert "Host" not in result.value
    assert len(result.requests) == len(result.value)


async def test_errors_and_representations_do_not_show_the_token(api):
    """Also with the locals of every frame, as some loggers print them."""
    token = SecretStr("second-" + TOKEN)
    with pytest.raises(CodeRaised) as caught:
        await api.execute(
            "await cloudflare.request('GET', '/simulator/echo')\nraise ValueError", token=token
        )
    trace = caught.value.__traceback__
    told = traceback.TracebackException(CodeRaised, caught.value, trace, capture_locals=True)
    shown = "".join(told.format()) + repr(api) + repr(caught.value) + repr(vars(api))
    assert TOKEN not in shown


async def test_a_token_given_as_text_stays_in_its_callers_frame(api):
    """pymode's own frames hold it wrapped only."""
    with pytest.raises(CodeRaised) as caught:
        await api.execute("raise ValueError", token="plain-" + TOKEN)
    trace = caught.value.__traceback__
    assert trace is not None
    told = traceback.TracebackException(
        CodeRaised, caught.value, trace.tb_next, capture_locals=True
    )
    assert "plain-" not in "".join(told.format())


async def test_a_call_with_another_token_finds_no_account_of_the_first(api):
    """What was found for one token is not remembered for all."""
    error = await fail(api.execute("return account_id", token="another-token-that-is-unknown-0123"))
    assert not re.search(r"\b[0-9a-f]{32}\b", str(error))


async def test_the_worker_holds_no_token(api):
    """Its command line, its environment and all of its memory are searched."""
    await api.execute("return await cloudflare.request('GET', '/simulator/echo')")
    needle = TOKEN.encode()
    (pid,) = api.pool.pids
    process = Path("/proc") / str(pid)
    if not process.exists():
        pytest.skip("needs /proc")
    assert (process / "environ").read_bytes() == b""
    assert needle not in (process / "cmdline").read_bytes()
    assert needle not in read_memory(process)


def read_memory(process: Path) -> bytes:
    """Return what a process has written into its memory, as far as it may be read."""
    content = bytearray()
    try:
        with (process / "mem").open("rb", 0) as memory:
            for line in (process / "maps").read_text().splitlines():
                area, mode = line.split()[:2]
                start, end = (int(part, 16) for part in area.split("-"))
                if mode.startswith("rw") and end - start < 2**29:
                    try:
                        memory.seek(start)
                        content += memory.read(end - start)
                    except (OSError, ValueError):
                        continue
    except PermissionError:
        pytest.skip("this system lets no process read its child's memory")
    assert len(content) > 2**20
    return bytes(content)
