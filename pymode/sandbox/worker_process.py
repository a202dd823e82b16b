"""The parent's side of one worker: a process, its two pipes, and the call that it runs."""

from __future__ import annotations

import array
import asyncio
import contextlib
import fcntl
import os
import select
import termios

from pymode.errors import SandboxError, WorkerDied
from pymode.limits import Limits
from pymode.protocol import messages
from pymode.protocol.frames import ProtocolError, Reader, TooLarge
from pymode.protocol.messages import Call, Done, HostCall, Message, Ready, Settings, Waiting
from pymode.sandbox.hostcalls import Activity, HostCallHandler, HostCallRunner
from pymode.sandbox.image import Image
from pymode.sandbox.processes import write_command

START_SECONDS = 60.0
# A worker ends its guest at the deadline; one that does not is ended itself, this much later.
GRACE_SECONDS = 1.0
READ_BYTES = 1024 * 1024

# Set to 1 by tests; see `Settings.compares`.
COMPARE_VARIABLE = "PYMODE_COMPARE_SNAPSHOTS"


class Overstayed(Exception):
    """The worker did not end its guest at the deadline."""


class DiedBefore(WorkerDied):
    """The worker had ended before it read the call, so the call has had no effect."""


class CallTooLarge(SandboxError):
    """A call is larger than a worker takes; nothing was sent, and the worker is as it was."""


class WorkerProcess:
    """One worker. Made by `start`; used by one call at a time; `kill` ends it for good."""

    def __init__(self, process: asyncio.subprocess.Process, limits: Limits) -> None:
        self._reader = Reader(messages.count_bytes_to_parent(limits))
        self._most_bytes = messages.count_bytes_to_worker(limits)
        self._process = process
        # asyncio closes its own end of the pipe when the process ends.
        self._to_worker = os.dup(process.stdin.transport.get_extra_info("pipe").fileno())  # type: ignore[union-attr]
        self._limits = limits
        self.hardening = ""

    @classmethod
    async def start(cls, image: Image, limits: Limits) -> WorkerProcess:
        """Start a process and wait until its first instance is warm.

        Raises:
            SandboxError: it does not come up.
        """
        compares = os.environ.get(COMPARE_VARIABLE) == "1"
        settings = Settings(str(image.runtime), str(image.snapshot), limits, compares)
        command = write_command("worker", settings.write())
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                # Ctrl-C in a terminal is for the parent.
                process_group=0,
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
                await worker._hear_ready()
        except TimeoutError:
            await worker.kill()
            msg = f"a worker did not start within {START_SECONDS:.0f} s"
            raise SandboxError(msg) from None
        except WorkerDied:
            await worker.kill()
            msg = "a worker ended while it started; standard error may say why"
            raise SandboxError(msg) from None
        except BaseException:
            await worker.kill()
            raise
        return worker

    async def _hear_ready(self) -> None:
        """Wait until the worker says that it is ready, and keep how it is confined."""
        message = await self._receive()
        if not isinstance(message, Ready):
            msg = "a worker spoke before it was asked"
            raise SandboxError(msg)
        self.hardening = message.hardening

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.returncode is None

    async def run(
        self, call: Call, handler: HostCallHandler, activity: Activity | None = None
    ) -> Done:
        """Run one call.

        Args:
            call: for the guest.
            handler: called for each host call; cancelled when the call ends before it.
            activity: told what the guest does, for a call that may pause.

        Raises:
            CallTooLarge: no worker takes it; this one can be used again.
            DiedBefore: the process had ended before it read the call.
            WorkerDied: the process ended during the call.
            Overstayed: the process did not keep the deadline; kill it.
            SandboxError: the process spoke nonsense; kill it.
        """
        if self._is_deaf():
            raise DiedBefore("the worker process has ended; try again")
        host_calls = HostCallRunner(
            handler, self._limits, self._send, self._drain, activity or Activity()
        )
        try:
            async with asyncio.timeout(self._limits.wall_seconds + GRACE_SECONDS):
                self._send(call)
                while True:
                    message = await self._receive()
                    match message:
                        case HostCall():
                            host_calls.start(message)
                        case Waiting():
                            host_calls.wait(message)
                        case Done():
                            return message
                        case _:
                            msg = f"a worker sent {type(message).__name__} in the middle of a call"
                            raise SandboxError(msg)
        except TooLarge as error:
            msg = f"the call is too large for a worker: {error}; send less code"
            raise CallTooLarge(msg) from None
        except TimeoutError:
            raise Overstayed from None
        except WorkerDied as error:
            if self._has_unread():
                raise DiedBefore(str(error)) from None
            raise
        finally:
            await host_calls.stop()

    def _is_deaf(self) -> bool:
        """Say whether nobody can read the pipe to the worker any more."""
        poll = select.poll()
        poll.register(self._to_worker, 0)
        return bool(poll.poll(0))

    def _has_unread(self) -> bool:
        """Say whether there is something in the pipe that the worker has not read."""
        unread = array.array("i", [0])
        # A worker that was killed on purpose has no pipe any more: its call has its own reason.
        with contextlib.suppress(OSError, ValueError):
            fcntl.ioctl(self._to_worker, termios.FIONREAD, unread)
        return unread[0] > 0

    async def kill(self) -> None:
        """End the process and wait for its end."""
        if self._to_worker >= 0:
            os.close(self._to_worker)
            self._to_worker = -1
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        stdout = self._process.stdout
        # asyncio hears of the end of a process only once its output is read to the end; where a
        # call still reads it, that is done there.
        with contextlib.suppress(RuntimeError):
            while stdout is not None and await stdout.read(READ_BYTES):
                pass
        await self._process.wait()

    def _send(self, message: messages.ToWorker) -> None:
        """Write a message. Raises `TooLarge` before anything is written."""
        data = messages.write(message, self._most_bytes)
        stdin = self._process.stdin
        if stdin is not None and not stdin.is_closing():
            stdin.write(data)

    async def _drain(self) -> None:
        if self._process.stdin is not None:
            await self._process.stdin.drain()

    async def _receive(self) -> Message:
        stdout = self._process.stdout
        while True:
            try:
                frame = self._reader.next()
                if frame is not None:
                    return messages.read(*frame)
                data = await stdout.read(READ_BYTES) if stdout is not None else b""
            except ProtocolError as error:
                msg = f"a worker sent {error}"
                raise SandboxError(msg) from None
            if not data:
                status = await self._process.wait()
                ended = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
                msg = f"the worker process ended during the call ({ended}); try again"
                raise WorkerDied(msg)
            self._reader.feed(data)
