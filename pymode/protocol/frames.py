"""Frames: how messages are cut out of a stream of bytes. `messages` says what they mean.

length   4 bytes, big-endian, of what follows
kind     1 byte
payload  UTF-8 text
"""

from __future__ import annotations

import enum
import struct

HEADER = struct.Struct(">IB")


class Kind(enum.IntEnum):
    """What a frame is; see the class of the same meaning in `messages`."""

    CALL = 1
    REPLY = 2
    READY = 3
    START = 4
    DONE = 5
    WAITING = 6
    STOP = 7


class ProtocolError(Exception):
    """Bytes that are no frame, or a frame that is no message."""


class TooLarge(ProtocolError):
    """A frame would be larger than the other side takes; nothing of it was sent.

    Args:
        size_bytes: of the frame.
        most_bytes: that the other side takes.
    """

    def __init__(self, size_bytes: int, most_bytes: int) -> None:
        super().__init__(f"a frame of {size_bytes} bytes; at most {most_bytes} are taken")
        self.size_bytes = size_bytes
        self.most_bytes = most_bytes


def pack(kind: Kind, text: str, most_bytes: int = 2**32 - 1) -> bytes:
    """Return the bytes of one frame; lone surrogates, which UTF-8 cannot carry, become `?`.

    Args:
        kind: of the frame.
        text: its payload.
        most_bytes: the largest frame that the other side takes.

    Raises:
        TooLarge: it is larger. A reader cannot skip a frame that it refuses, so sending it would
            end the process on the other side.
    """
    payload = text.encode("utf-8", "replace")
    if len(payload) + 1 > most_bytes:
        raise TooLarge(len(payload) + 1, most_bytes)
    return HEADER.pack(len(payload) + 1, kind) + payload


class Reader:
    """Cuts a stream of bytes into frames.

    Args:
        most_bytes: the largest frame that is taken.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes as they come."""
        self._buffer += data

    def next(self) -> tuple[Kind, str] | None:
        """Return the next frame, or None until it is complete.

        Raises:
            ProtocolError: it is too large, of no known kind or not UTF-8.
        """
        if len(self._buffer) < HEADER.size:
            return None
        length, kind = HEADER.unpack_from(self._buffer)
        # Looked at before the payload is there, so that nothing too large is ever kept.
        if not 1 <= length <= self._most_bytes:
            raise TooLarge(length, self._most_bytes)
        end = HEADER.size - 1 + length
        if len(self._buffer) < end:
            return None
        payload = bytes(self._buffer[HEADER.size : end])
        del self._buffer[:end]
        try:
            return Kind(kind), payload.decode("utf-8")
        except ValueError as error:
            msg = f"a frame that cannot be read: {error}"
            raise ProtocolError(msg) from None
