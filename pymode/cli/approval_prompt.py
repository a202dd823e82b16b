"""Asks the person at the terminal, when the shell runs code whose requests need approval."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pymode.call.approver import ask_each
from pymode.call.journal import Paused
from pymode.errors import ApprovalError
from pymode.policy.approvals import Answer, Question
from pymode.policy.questions import show

LINE_BYTES = 1024
_ANSWERS = {"y": Answer.APPROVE, "n": Answer.REFUSE, "a": Answer.APPROVE_ALL}
_CHOICES = "Send it? [y]es, [n]o, [a]ll of this operation in this call: "


class TerminalApprover:
    """Asks on a terminal, one question after the other.

    Args:
        terminal: an open file descriptor of it, for reading and writing.
    """

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal

    async def ask(self, paused: Paused) -> Sequence[Answer]:
        """Return the person's answers; see `pymode.call.approver.Approver`.

        Raises:
            ApprovalError: the terminal was closed.
        """
        return await ask_each(paused, self._ask)

    async def _ask(self, question: Question) -> Answer:
        # What was typed before the question was seen is no answer to it.
        with contextlib.suppress(termios.error):
            termios.tcflush(self._terminal, termios.TCIFLUSH)
        self._write(f"\npymode: a request needs your approval\n{show(question)}\n{_CHOICES}")
        while True:
            line = (await self._read_line()).strip().lower()
            for letter, answer in _ANSWERS.items():
                if line in (letter, {"y": "yes", "n": "no", "a": "all"}[letter]):
                    return answer
            self._write("Please answer y, n or a: ")

    def _write(self, text: str) -> None:
        data = memoryview(text.encode("utf-8", "replace"))
        while data:
            data = data[os.write(self._terminal, data) :]

    async def _read_line(self) -> str:
        """Return one line; a thread would delay the end of the process after Ctrl-C."""
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self._terminal, readable.set)
        try:
            await readable.wait()
            data = os.read(self._terminal, LINE_BYTES)
        except OSError:
            data = b""
        finally:
            loop.remove_reader(self._terminal)
        if not data:
            raise ApprovalError("the terminal was closed; the request was not sent")
        return data.decode("utf-8", "replace")


@contextmanager
def find_terminal() -> Iterator[TerminalApprover | None]:
    """Return an approver for the terminal, or None if standard error is not one."""
    terminal = None
    if sys.stderr.isatty():
        # Standard input may be a file that holds the code.
        with contextlib.suppress(OSError):
            terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    try:
        yield None if terminal is None else TerminalApprover(terminal)
    finally:
        if terminal is not None:
            os.close(terminal)
