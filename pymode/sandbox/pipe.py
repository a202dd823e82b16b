"""The worker's side of its two pipes: messages from and to the parent."""

from __future__ import annotations

import os
import select
import time
from typing import TypeVar

from pymode.limits import Limits
from pymode.protocol import messages
from pymode.protocol.frames import Reader
from pymode.protocol.messages import Message

INPUT, OUTPUT = 0, 1
READ_BYTES = 1024 * 1024

M = TypeVar("M")


class Pipe:
    """Messages from and to the parent. When the parent is gone, so is this process."""

    def __init__(self, limits: Limits) -> None:
        self._reader = Reader(messages.count_bytes_to_worker(limits))
        self._most_bytes = messages.count_bytes_to_parent(limits)
        self._received: list[Message] = []
        self._poll = select.poll()
        self._poll.register(INPUT, select.POLLIN)

    def send(self, message: messages.ToParent) -> None:
        """Write one message. Raises `TooLarge` before anything is written."""
        data = memoryview(messages.write(message, self._most_bytes))
        while data:
            data = data[os.write(OUTPUT, data) :]

    def ready(self, seconds: float | None) -> bool:
        """Wait for a message; return False when `seconds` (None: no end) pass first."""
        end = None if seconds is None else time.monotonic() + seconds
        while not self._received:
            if self._receive():
                continue
            rest = None if end is None else max(0.0, end - time.monotonic())
            if not self._poll.poll(None if rest is None else rest * 1000):
                return False
            data = os.read(INPUT, READ_BYTES)
            if not data:
                os._exit(0)
            self._reader.feed(data)
        return True

    def take(self, *kinds: type[M]) -> list[M]:
        """Return the messages of these kinds that are there; the others stay."""
        while self._receive():
            pass
        taken: list[M] = [message for message in self._received if isinstance(message, kinds)]
        self._received = [each for each in self._received if not isinstance(each, kinds)]
        return taken

    def _receive(self) -> bool:
        frame = self._reader.next()
        if frame is not None:
            self._received.append(messages.read(*frame))
        return frame is not None
