"""The parent's side of one worker: a process, its two pipes, and the call that it runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import wasmtime

import pymode
from pymode.errors import SandboxError, WorkerDied
from pymode.limits import Limits
from pymode.protocol.replies import INTERNAL_FAILURE, Failure, FailureKind
from pymode.sandbox.frames import FrameError, Kind, Reader, pack
from pymode.sandbox.image import Image

START_SECONDS = 60.0
# A worker ends its guest at the deadline; one that does not is ended itself, this much later.
GRACE_SECONDS = 1.0
READ_BYTES = 1024 * 1024
FRAME_MARGIN_BYTES = 1024 * 1024

# Neither the environment nor site-packages are needed: two folders are all that is imported from.
_BOOTSTRAP = (
    "import sys; sys.path[:0] = sys.argv[2:]; from pymode.sandbox.worker import main; main()"
)

logger = logging.getLogger(__name__)

# Answers one host call: target and payload in, reply out.
Answer = Callable[[str, str], Awaitable[str]]


class Overstayed(Exception):
    """The worker did not end its guest at the deadline."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a worker says at the end of a call; the guest's outcome in it is hostile.

    Args:
        stopped_by: the limit or trap that ended the guest, or None.
        fuel: WebAssembly instructions that were used.
        seconds: from the start of the call in the worker to its end.
        logs: what the code printed.
        outcome: the guest's own words, empty when it was stopped.
    """

    stopped_by: str | None
    fuel: int
    seconds: float
    logs: str
    outcome: str


@dataclass(slots=True)
class _HostCalls:
    """Answers the host calls of one call, and keeps their limits whatever the guest does."""

    answer: Answer
    limits: Limits
    send: Callable[[Kind, str], None]
    drain: Callable[[], Awaitable[None]]
    started: int = 0
    running: set[asyncio.Task[None]] = field(default_factory=set)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def start(self, frame: str) -> None:
        """Start the host call of a START frame, or answer that it is over a limit."""
        number, _, rest = frame.partition("\n")
        target, _, payload = rest.partition("\n")
        self.started += 1
        # A worker ends its guest before that.
        if self.started > 2 * self.limits.host_calls + 200:
            raise SandboxError("a worker did not end a guest that flooded it with requests")
        if self.started > self.limits.host_calls:
            self._refuse(number, f"more than {self.limits.host_calls} requests in one call")
        elif len(self.running) >= self.limits.host_calls_in_flight:
            most = self.limits.host_calls_in_flight
            self._refuse(
                number, f"more than {most} requests at once; use asyncio.Semaphore({most})"
            )
        else:
            task = asyncio.create_task(self._answer(number, target, payload))
            self.running.add(task)
            task.add_done_callback(self.running.discard)

    async def stop(self) -> None:
        """Cancel what still runs, and wait until it has ended."""
        tasks = list(self.running)
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def _answer(self, number: str, target: str, payload: str) -> None:
        try:
            reply = await self.answer(target, payload)
        except Exception:
            # The guest would wait for it until its deadline.
            logger.exception("a host call failed")
            reply = INTERNAL_FAILURE.write()
        # A guest that does not listen must not pile up replies here: each waits until the one
        # before it has left, and counts as in flight until then.
        async with self.turn:
            with contextlib.suppress(ConnectionError):
                await self.drain()
            self.send(Kind.REPLY, f"{number}\n{reply}")

    def _refuse(self, number: str, message: str) -> None:
        reply = Failure(FailureKind.LIMIT, message).write()
        self.send(Kind.REPLY, f"{number}\n{reply}")


class WorkerProcess:
    """One worker. Made by `start`; used by one call at a time; `kill` ends it for good."""

    def __init__(self, process: asyncio.subprocess.Process, limits: Limits) -> None:
        largest = max(limits.result_bytes, limits.request_bytes)
        # Up to twice the printed characters come in JSON, some of them as twelve.
        self._reader = Reader(2 * largest + 24 * limits.printed_chars + 2 * FRAME_MARGIN_BYTES)
        self._process = process
        self._limits = limits
        self.doors = ""

    @classmethod
    async def start(cls, image: Image, limits: Limits) -> WorkerProcess:
        """Start a process and wait until its first instance is warm.

        Raises:
            SandboxError: it does not come up.
        """
        settings = {
            "image": str(image.path),
            "image_memory_bytes": image.memory_bytes,
            "limits": asdict(limits),
        }
        folders = [str(Path(module.__file__ or "").parent.parent) for module in (pymode, wasmtime)]
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", "-c", _BOOTSTRAP, json.dumps(settings), *folders),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={},
                cwd="/",
                limit=READ_BYTES,
            )
        except OSError as error:
            msg = f"a worker could not be started: {error}"
            raise SandboxError(msg) from None
        worker = cls(process, limits)
        try:
            async with asyncio.timeout(START_SECONDS):
                kind, worker.doors = await worker._next_frame()
        except TimeoutError:
            await worker.kill()
            msg = f"a worker did not start within {START_SECONDS:.0f} s"
            raise SandboxError(msg) from None
        except WorkerDied:
            msg = "a worker ended while it started; standard error may say why"
            raise SandboxError(msg) from None
        except BaseException:
            await worker.kill()
            raise
        if kind is not Kind.READY:
            await worker.kill()
            msg = "a worker spoke before it was asked"
            raise SandboxError(msg)
        return worker

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.returncode is None

    async def run(self, request: str, answer: Answer) -> Done:
        """Run one call.

        Args:
            request: the call for the guest, as JSON.
            answer: called for each host call; cancelled when the call ends before it.

        Raises:
            WorkerDied: the process ended.
            Overstayed: the process did not keep the deadline; kill it.
            SandboxError: the process spoke nonsense; kill it.
        """
        host_calls = _HostCalls(answer, self._limits, self._send, self._drain)
        try:
            async with asyncio.timeout(self._limits.wall_seconds + GRACE_SECONDS):
                self._send(Kind.CALL, request)
                while True:
                    kind, text = await self._next_frame()
                    if kind is Kind.START:
                        host_calls.start(text)
                    elif kind is Kind.DONE:
                        return _done(text)
                    else:
                        msg = f"a worker sent {kind.name} in the middle of a call"
                        raise SandboxError(msg)
        except TimeoutError:
            raise Overstayed from None
        finally:
            await host_calls.stop()

    async def kill(self) -> None:
        """End the process and wait for its end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        stdout = self._process.stdout
        # asyncio hears of the end of a process only once its output is read to the end; where a
        # call still reads it, that is done there.
        with contextlib.suppress(RuntimeError):
            while stdout is not None and await stdout.read(READ_BYTES):
                pass
        await self._process.wait()

    def _send(self, kind: Kind, text: str) -> None:
        stdin = self._process.stdin
        if stdin is not None and not stdin.is_closing():
            stdin.write(pack(kind, text))

    async def _drain(self) -> None:
        if self._process.stdin is not None:
            await self._process.stdin.drain()

    async def _next_frame(self) -> tuple[Kind, str]:
        stdout = self._process.stdout
        while True:
            try:
                frame = self._reader.next()
                if frame is not None:
                    return frame
                data = await stdout.read(READ_BYTES) if stdout is not None else b""
            except FrameError as error:
                msg = f"a worker sent {error}"
                raise SandboxError(msg) from None
            if not data:
                status = await self._process.wait()
                ended = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
                msg = f"the worker process ended during the call ({ended}); try again"
                raise WorkerDied(msg)
            self._reader.feed(data)


def _done(text: str) -> Done:
    head, _, outcome = text.partition("\n")
    try:
        done = Done(outcome=outcome, **json.loads(head))
    except (ValueError, TypeError, RecursionError) as error:
        msg = f"a worker ended a call with nonsense: {error}"
        raise SandboxError(msg) from None
    sound = isinstance(done.fuel, int) and isinstance(done.seconds, float)
    if (
        not sound
        or not isinstance(done.logs, str)
        or type(done.stopped_by) not in (str, type(None))
    ):
        raise SandboxError("a worker ended a call with nonsense")
    return done
