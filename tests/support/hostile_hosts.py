"""`python hostile_hosts.py HOW`: a host process whose sandbox meets a hostile program like that."""

import asyncio
import contextlib
import os
import signal
import sys
import time

from benchmarks.limits_held import play_host
from benchmarks.sandboxes import Sandbox

HARMLESS = "harmless"


async def wait():
    await asyncio.Event().wait()


async def hang():
    time.sleep(3600)  # noqa: ASYNC251 - nothing else in the process may run meanwhile


async def die():
    os.kill(os.getpid(), signal.SIGSEGV)


async def leave():
    os._exit(3)


async def raise_error():
    raise MemoryError("out of memory: keep less")


async def flood():
    sys.stdout.write("x" * 3_000_000)
    sys.stdout.flush()
    return "1"


async def answer_at_length():
    return "x" * 3_000_000


async def answer():
    return "x"


@contextlib.asynccontextmanager
async def open_fake(_):
    async def run(program):
        return "1" if program == HARMLESS else await globals()[program]()

    yield run


if __name__ == "__main__":
    fake = Sandbox("fake", "fake", (), open_fake, HARMLESS)
    asyncio.run(play_host(fake, sys.argv[1], float(sys.argv[2])))
