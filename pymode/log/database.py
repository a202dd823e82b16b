"""One connection in one thread, so that the event loop never waits for the disk by accident."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import sqlite3
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from pymode.errors import LogError
from pymode.log.faults import explain, is_fault_of_file, is_full, is_passing
from pymode.log.jobs import Job, T, Work, do_nothing
from pymode.log.retention import Retention, give_back, prune
from pymode.log.schema import open_to_write

BUSY_SECONDS = 2.0
# What nobody waits for is gathered this long into one commit.
_LINGER_SECONDS = 0.02
_MAX_AT_ONCE = 256
# What nobody waits for is kept while the file cannot be written. A record may hold 64 KiB of code.
_MAX_KEPT = 1_000
_WORKS_PER_PRUNE = 64

_log = logging.getLogger(__name__)


class Database:
    """The database of the log and of kept results. It opens itself when it is first used.

    Args:
        path: of the file; None keeps everything in memory, and nothing of it lasts.
        retention: what is kept.
        busy_seconds: how long a commit waits for another process.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        path: Path | None,
        retention: Retention | None = None,
        *,
        busy_seconds: float = BUSY_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        # Absolute: the name of a file may be ":memory:", and the current folder may change.
        self.path = None if path is None else Path(os.path.abspath(path))  # noqa: PTH100 - keeps links
        self.retention = retention or Retention()
        self.clock = clock
        self._busy_seconds = busy_seconds
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closed = False
        # The rest belongs to the thread.
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._kept: list[Job] = []
        self._lost = 0
        self._works = _WORKS_PER_PRUNE
        self._trouble: LogError | None = None

    @property
    def trouble(self) -> LogError | None:
        """Why the last commit failed; None if it did not."""
        return self._trouble

    async def open(self) -> None:
        """Open the database now, to learn early what is wrong with it.

        Raises:
            LogError: it cannot be written; the message says why and what to do.
        """
        await self.write(do_nothing)

    def post(self, work: Work[object]) -> None:
        """Do some work soon, without waiting; while the file has a fault, keep it for later.

        Args:
            work: called in the thread with the connection, in a transaction that others share.
        """
        if not self._closed:
            self._put(Job(work))

    async def write(self, work: Work[T]) -> T:
        """Do some work, and everything posted before it, and return when it is committed.

        Args:
            work: see `post`.

        Raises:
            LogError: it was not done; the message says why and what to do.
        """
        return await self._wait(work)

    async def read(self, work: Work[T]) -> T:
        """Do some work that changes nothing, after everything posted before it.

        Args:
            work: called in the thread with the connection.

        Raises:
            LogError: it could not be done; the message says why and what to do.
        """
        return await self._wait(work, is_read=True)

    async def prune(self) -> int:
        """Take one bounded step towards the limits of retention; it happens by itself, too.

        Returns:
            How many calls and results were removed; 0 once the limits are kept.

        Raises:
            LogError: nothing was removed; the message says why.
        """
        return await self.write(lambda connection: self._prune(connection))

    async def flush(self) -> None:
        """Wait until everything posted is committed.

        Raises:
            LogError: it is not; the message says why.
        """
        await self.write(do_nothing)

    async def close(self) -> None:
        """Commit what was posted and close the connection; later calls do nothing."""
        if self._closed:
            return
        self._closed = True
        if self._thread is not None:
            done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
            self._jobs.put(Job(do_nothing, done, is_last=True))
            await done
            self._thread.join()

    async def _wait(self, work: Work[T], *, is_read: bool = False) -> T:
        if self._closed:
            raise LogError("the log is closed already; it was asked to record a late request")
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._put(Job(work, waiter, is_read))  # type: ignore[arg-type]  # T is an object
        return await waiter

    def _put(self, job: Job) -> None:
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    # A daemon: a process that forgets to close must still be able to end.
                    thread = threading.Thread(target=self._serve, name="pymode-log", daemon=True)
                    thread.start()
                    self._thread = thread
        self._jobs.put(job)

    # From here on everything runs in the thread.

    def _serve(self) -> None:
        is_last = False
        while not is_last:
            group = self._gather()
            is_last = group[-1].is_last
            self._commit([job for job in group if not job.is_read and not job.is_last])
            for job in group:
                if job.is_read:
                    self._answer_read(job)
            if is_last:
                self._disconnect()
                if self._kept:
                    _log.warning("%d records are lost: %s", len(self._kept), self._trouble)
                group[-1].answer(None)
            elif self._works >= _WORKS_PER_PRUNE:
                self._maintain()

    def _gather(self) -> list[Job]:
        group = [self._jobs.get()]
        until = time.monotonic() + _LINGER_SECONDS
        hurry = group[0].waiter is not None
        with contextlib.suppress(queue.Empty):
            while len(group) < _MAX_AT_ONCE and not group[-1].is_last:
                left = 0.0 if hurry else until - time.monotonic()
                group.append(self._jobs.get(timeout=left) if left > 0 else self._jobs.get_nowait())
                hurry = hurry or group[-1].waiter is not None
        return group

    def _commit(self, jobs: list[Job]) -> None:
        jobs, self._kept = self._kept + jobs, []
        error = self._try(jobs) if jobs else None
        if error is None:
            return
        if len(jobs) == 1 or _is_fault_for_all(error):
            self._refuse(jobs, error)
            return
        # One of them cannot be done, or is too large for the disk: the others must not suffer.
        for number, job in enumerate(jobs):
            error = self._try([job])
            if error is not None and _is_fault_for_all(error):
                self._refuse(jobs[number:], error)
                return
            if error is not None:
                self._refuse([job], error)

    def _try(self, jobs: list[Job]) -> Exception | None:
        try:
            answers = self._transact(jobs)
        except Exception as error:
            return error
        self._trouble = None
        self._works += len(jobs)
        if self._lost:
            _log.warning("%d records of the log were lost while it had a fault", self._lost)
            self._lost = 0
        for job, answer in zip(jobs, answers, strict=True):
            job.answer(answer)
        return None

    def _transact(self, jobs: list[Job]) -> list[object]:
        connection = self._connect()
        connection.execute("BEGIN IMMEDIATE")
        try:
            answers = [job.work(connection) for job in jobs]
            connection.execute("COMMIT")
        except BaseException:
            # A full disk ends the transaction by itself.
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        return answers

    def _refuse(self, jobs: list[Job], error: Exception) -> None:
        trouble = explain(error, self.path, "written")
        if is_fault_of_file(error):
            self._trouble = trouble
            self._kept += [job for job in jobs if job.waiter is None]
            self._lost += len(self._kept[_MAX_KEPT:])
            del self._kept[_MAX_KEPT:]
            if not is_passing(error):
                self._disconnect()
        else:
            # Without its message, which may hold the text that was to be recorded.
            where = "".join(traceback.format_tb(error.__traceback__))
            _log.error("a record could not be made: %s\n%s", type(error).__name__, where)
        for job in jobs:
            job.fail(trouble)

    def _answer_read(self, job: Job) -> None:
        try:
            answer = job.work(self._connect())
        except Exception as error:
            if is_fault_of_file(error) and not is_passing(error):
                self._disconnect()
            job.fail(explain(error, self.path, "read"))
        else:
            job.answer(answer)

    def _maintain(self) -> None:
        self._works = 0
        try:
            self._transact([Job(self._prune)])
            give_back(self._connect())
        except Exception as error:
            # The next commit meets the same fault and says so to someone.
            _log.debug("the log was not pruned", exc_info=error)

    def _prune(self, connection: sqlite3.Connection) -> int:
        return prune(connection, self.retention, self.clock())

    def _connect(self) -> sqlite3.Connection:
        # A file that was moved away or deleted would swallow what is written to it.
        if self._connection is not None and self._file != self._identify():
            self._disconnect()
        if self._connection is None:
            self._connection = open_to_write(self.path, self._busy_seconds)
            self._file = self._identify()
        return self._connection

    def _identify(self) -> tuple[int, int] | None:
        if self.path is None:
            return None
        try:
            found = os.stat(self.path)  # noqa: PTH116 - half as long as Path.stat, at each commit
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def _is_fault_for_all(error: Exception) -> bool:
    return is_fault_of_file(error) and not is_full(error)
