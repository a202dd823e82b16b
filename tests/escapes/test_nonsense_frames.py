"""A worker that speaks nonsense: its call fails with an error of the sandbox, in bounded time."""

from __future__ import annotations

import asyncio
import random
import sys

import pytest

from pymode.errors import SandboxError, WorkerDied
from pymode.limits import Limits
from pymode.protocol.frames import HEADER, Kind, ProtocolError, Reader, pack
from pymode.protocol.messages import Call, Done
from pymode.sandbox.worker_process import Overstayed, WorkerProcess

pytestmark = pytest.mark.anyio

LIMITS = Limits(wall_seconds=0.2, result_bytes=1000, request_bytes=1000, printed_chars=1000)

# The worker waits for its call, and then says what it has been given, so many times.
SPEAK = """
import os, sys
said = memoryview(eval(sys.argv[1]) * int(sys.argv[2]))
os.read(0, 5)
try:
    while said:
        said = said[os.write(1, said):]
    while sys.argv[3] == "stay" and os.read(0, 65536):
        pass
except OSError:
    pass
"""

HEAD = '{"stopped_by": null, "fuel": 1, "seconds": 0.1, "logs": "", "host_calls": 0}'


def done(head: str) -> bytes:
    """Return the frame that ends a call with `head`."""
    return pack(Kind.DONE, f"{head}\n1")


NONSENSE = {
    "text": b"hello, here is a traceback",
    "zeros": bytes(100),
    "a length of nothing": HEADER.pack(0, Kind.DONE),
    "a length of 4 GB": HEADER.pack(2**32 - 1, Kind.DONE),
    "a length over the limit": HEADER.pack(50_000_000, Kind.DONE),
    "an unknown kind": HEADER.pack(1, 99),
    "bytes that are no text": HEADER.pack(3, Kind.DONE) + b"\xff\xfe",
    "no head": pack(Kind.DONE, ""),
    "a head that is a list": done("[]"),
    "a head that is empty": done("{}"),
    "a head with more": done('{"outcome": 1}'),
    "a head of the wrong types": done(HEAD.replace("1,", '"1",')),
    "logs that are no text": done(HEAD.replace('""', "[]")),
    "a reason that is no text": done(HEAD.replace("null", "[]")),
    "a deep head": done("[" * 100_000),
    "an answer to nothing": pack(Kind.REPLY, "1\n{}"),
    "a second start": pack(Kind.READY, "closed"),
    "a call": pack(Kind.CALL, "\n{}"),
}


async def speak(said: bytes, times: int = 1, then: str = "stay") -> WorkerProcess:
    """Start a process that says `said` once it is called."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", SPEAK, repr(said), str(times), then),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    return WorkerProcess(process, LIMITS)


async def refuse(_target: str, _payload: str) -> str:
    """Answer every host call."""
    return "{}\n"


async def run(worker: WorkerProcess, answer=refuse) -> Done:
    """Run one call on a worker, and end the worker."""
    try:
        return await worker.run(Call("{}"), answer)
    finally:
        await worker.kill()


@pytest.mark.parametrize("said", NONSENSE)
async def test_nonsense_is_an_error_of_the_sandbox(said):
    """Not of the code, and never an exception without a name."""
    with pytest.raises(SandboxError):
        await run(await speak(NONSENSE[said]))


async def test_a_sound_worker_is_understood():
    """The fake speaks well enough to be believed."""
    assert await run(await speak(done(HEAD))) == Done(None, 1, 0.1, "", "1")


@pytest.mark.parametrize("kind", [Kind.START, Kind.REPLY, Kind.READY])
async def test_a_flood_of_frames_ends_in_bounded_time(kind):
    """The loop of the parent is not held up by a worker that never stops talking."""
    with pytest.raises((SandboxError, Overstayed)):
        await run(await speak(pack(kind, "1\nx\n{}"), times=1_000_000))


async def test_a_worker_that_says_nothing_overstays():
    """The parent's clock is the last resort."""
    with pytest.raises(Overstayed):
        await run(await speak(b""))


async def test_half_a_frame_overstays():
    """What is announced and never comes is not waited for longer than the deadline."""
    with pytest.raises(Overstayed):
        await run(await speak(done(HEAD)[:-1]))


@pytest.mark.parametrize("said", [b"", done(HEAD)[:-1]])
async def test_a_worker_that_ends_has_died(said):
    """Also in the middle of a frame."""
    with pytest.raises(WorkerDied):
        await run(await speak(said, then="leave"))


async def test_host_calls_end_with_their_call():
    """None of them outlives it, so that no answer finds another call."""
    began, ended = asyncio.Event(), asyncio.Event()

    async def wait(_target: str, _payload: str) -> str:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ""

    with pytest.raises(Overstayed):
        await run(await speak(pack(Kind.START, "1\nx\n{}")), wait)
    assert began.is_set()
    assert ended.is_set()


async def test_an_answer_that_fails_is_an_answer(caplog):
    """The guest does not wait for it, and the failure is logged, not shown."""
    reader = """
import os, sys
os.read(0, 65536)
os.write(1, {start!r})
said = os.read(0, 65536).decode(errors="replace")
import json
head = {{"stopped_by": None, "fuel": 1, "seconds": 0.1, "logs": said, "host_calls": 1}}
text = json.dumps(head).encode() + b"\\n"
os.write(1, (len(text) + 1).to_bytes(4, "big") + b"\\5" + text)
os.read(0, 1)
"""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", reader.format(start=pack(Kind.START, "7\nx\n{}"))),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )

    async def fail(_target: str, _payload: str) -> str:
        raise RuntimeError("secret inside")

    answered = await run(WorkerProcess(process, Limits(wall_seconds=10)), fail)
    assert "7\n" in answered.logs
    assert "internal" in answered.logs
    assert "secret" not in answered.logs
    assert "secret inside" in caplog.text


async def test_replies_do_not_pile_up_for_a_guest_that_does_not_listen():
    """Each waits until the one before it has left; the rest counts as in flight."""
    starts = b"".join(pack(Kind.START, f"{n}\nx\n{{}}") for n in range(1, 101))
    deaf = f"import os, sys\nos.read(0, 5)\nos.write(1, {starts!r})\n"
    deaf += "import time\ntime.sleep(60)"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", deaf),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    worker = WorkerProcess(process, LIMITS)

    async def answer(_target: str, _payload: str) -> str:
        return "x" * 2**20

    try:
        with pytest.raises((Overstayed, SandboxError)):
            await worker.run(Call("{}"), answer)
        assert process.stdin.transport.get_write_buffer_size() < 3 * 2**20
    finally:
        await worker.kill()


def test_a_reader_takes_frames_however_they_are_cut():
    """Random frames in random pieces come out as they went in."""
    random_numbers = random.Random(1)
    for _ in range(200):
        frames = [
            (random_numbers.choice(list(Kind)), "é😀x"[: random_numbers.randrange(4)] * length)
            for length in random_numbers.choices(range(100), k=5)
        ]
        data = b"".join(pack(kind, text) for kind, text in frames)
        reader, found = Reader(10_000), []
        while data:
            size = random_numbers.randrange(1, 50)
            reader.feed(data[:size])
            data = data[size:]
            while (frame := reader.next()) is not None:
                found.append(frame)
        assert found == frames


def test_a_reader_of_noise_only_ever_says_that_it_is_noise():
    """No other exception, and no frame over the limit."""
    random_numbers = random.Random(2)
    for _ in range(2000):
        reader = Reader(64)
        reader.feed(random_numbers.randbytes(random_numbers.randrange(40)))
        reader.feed(HEADER.pack(random_numbers.choice((1, 2, 5, 64, 65)), 5) + b"abcdef")
        try:
            while (frame := reader.next()) is not None:
                assert len(frame[1]) < 64
        except ProtocolError:
            pass
