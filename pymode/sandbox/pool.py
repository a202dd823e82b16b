"""A pool of workers: who waits, who runs, and what happens to a worker that fails."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from dataclasses import dataclass

from pymode.errors import Busy, SandboxError
from pymode.limits import Limits
from pymode.protocol.messages import Call, Done
from pymode.sandbox.hostcalls import Activity, HostCallHandler
from pymode.sandbox.image import Image
from pymode.sandbox.worker_process import CallTooLarge, DiedBefore, Overstayed, WorkerProcess


@dataclass(frozen=True, slots=True)
class FinishedCall:
    """A call that has ended in its worker.

    Args:
        done: what the worker said.
        waited_seconds: how long the call waited for a worker.
    """

    done: Done
    waited_seconds: float


class Pool:
    """Runs calls on `workers` processes, each one call at a time.

    Args:
        image: the image that every worker opens.
        limits: what each call may use.
        workers: the number of processes.
    """

    def __init__(self, image: Image, limits: Limits, workers: int) -> None:
        self._image = image
        self._limits = limits
        self._size = workers
        # The worker that is idle the longest comes first: it has had time to rehearse.
        self._idle: deque[WorkerProcess] = deque()
        self._all: set[WorkerProcess] = set()
        self._waiting: deque[asyncio.Future[WorkerProcess]] = deque()
        self._starting: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers."""
        return [worker.pid for worker in self._all]

    async def start(self) -> None:
        """Start the workers, and wait for the first.

        Raises:
            SandboxError: it does not come up.
        """
        self._fill()
        self._give(await self._take())

    async def run(
        self, call: Call, handler: HostCallHandler, activity: Activity | None = None
    ) -> FinishedCall:
        """Run one call on the next free worker.

        A call that is cancelled, overstays its deadline or breaks its worker takes the worker
        with it, and another is started. A worker may also have ended since its last call, before
        anybody has noticed: a call that it has not read gets another worker.

        Args:
            call: for the guest.
            handler: answers its host calls.
            activity: told what the guest does, for a call that may pause.

        Raises:
            CallTooLarge: it is larger than a worker takes.
            Busy: too many callers wait already; nothing was run.
            WorkerDied: the worker ended.
            SandboxError: the worker failed in another way, or none could be started.
        """
        for _ in range(self._size):
            with contextlib.suppress(DiedBefore):
                return await self._run(call, handler, activity)
        return await self._run(call, handler, activity)

    async def _run(
        self, call: Call, handler: HostCallHandler, activity: Activity | None
    ) -> FinishedCall:
        started = time.monotonic()
        worker = await self._take()
        waited_seconds = time.monotonic() - started
        healthy = False
        try:
            done = await worker.run(call, handler, activity)
            healthy = True
            return FinishedCall(done, waited_seconds)
        except CallTooLarge:
            healthy = True
            raise
        except Overstayed:
            seconds = self._limits.wall_seconds
            return FinishedCall(Done("wall_seconds", 0, seconds, "", ""), waited_seconds)
        finally:
            if healthy:
                self._give(worker)
            else:
                await self._replace(worker)

    async def close(self) -> None:
        """End every worker."""
        self._closed = True
        for task in list(self._starting):
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(SandboxError("the sandbox is closed"))
        self._idle.clear()
        await asyncio.gather(*(worker.kill() for worker in self._all))
        self._all.clear()

    async def _take(self) -> WorkerProcess:
        while self._idle:
            worker = self._idle.popleft()
            if worker.alive:
                return worker
            await self._replace(worker)
        if self._closed:
            raise SandboxError("the sandbox is closed")
        if len(self._waiting) >= self._limits.waiting_callers + len(self._starting):
            msg = f"{len(self._waiting)} calls already wait for a worker; try again later"
            raise Busy(msg)
        waiting: asyncio.Future[WorkerProcess] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        self._fill()
        try:
            return await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled() and not waiting.exception():
                self._give(waiting.result())
            raise
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)

    def _give(self, worker: WorkerProcess) -> None:
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(worker)
                return
        self._idle.append(worker)

    async def _replace(self, worker: WorkerProcess) -> None:
        self._all.discard(worker)
        # The caller may be cancelled again while the worker ends; it is killed all the same.
        await asyncio.shield(worker.kill())
        self._fill()

    def _fill(self) -> None:
        """Start workers until there are as many as there should be."""
        while not self._closed and len(self._all) + len(self._starting) < self._size:
            task = asyncio.create_task(self._start_one())
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)

    async def _start_one(self) -> None:
        try:
            worker = await WorkerProcess.start(self._image, self._limits)
        except SandboxError as error:
            # No other worker may be starting, so those who wait get the error.
            while self._waiting:
                waiting = self._waiting.popleft()
                if not waiting.done():
                    waiting.set_exception(error)
            return
        self._all.add(worker)
        self._give(worker)
