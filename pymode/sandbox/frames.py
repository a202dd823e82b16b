"""Frames between the parent and a worker: a length, a kind, a payload. No I/O here.

length   4 bytes, big-endian, of what follows
kind     1 byte
payload  UTF-8 text

parent → worker    CALL      a call for the guest, as JSON; before it may stand a line with the
                             conditions under which a run can be repeated
                   REPLY     "id\\nreply": what a host call came to; `STOP` ends the guest
worker → parent    READY     the first instance is warm; how the doors stand
                   START     "id\\ntarget\\npayload": the guest starts a host call
                   DONE      JSON head, "\\n", the guest's outcome
"""

from __future__ import annotations

import enum
import struct

HEADER = struct.Struct(">IB")
# In place of a reply: the call waits for a person, and its guest is of no more use.
STOP = "stop"


class Kind(enum.IntEnum):
    """What a frame is."""

    CALL = 1
    REPLY = 2
    READY = 3
    START = 4
    DONE = 5


class FrameError(Exception):
    """Bytes that are no frame, or a frame over the size limit."""


def pack(kind: Kind, text: str) -> bytes:
    """Return the bytes of one frame; lone surrogates, which UTF-8 cannot carry, become `?`."""
    payload = text.encode("utf-8", "replace")
    return HEADER.pack(len(payload) + 1, kind) + payload


class Reader:
    """Cuts a stream of bytes into frames.

    Args:
        frame_bytes: the largest frame that is taken.
    """

    def __init__(self, frame_bytes: int) -> None:
        self._frame_bytes = frame_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes as they come."""
        self._buffer += data

    def next(self) -> tuple[Kind, str] | None:
        """Return the next frame, or None until it is complete.

        Raises:
            FrameError: it is too large, of no known kind or not UTF-8.
        """
        if len(self._buffer) < HEADER.size:
            return None
        length, kind = HEADER.unpack_from(self._buffer)
        if not 1 <= length <= self._frame_bytes:
            msg = f"a frame of {length} bytes; at most {self._frame_bytes} are taken"
            raise FrameError(msg)
        end = HEADER.size - 1 + length
        if len(self._buffer) < end:
            return None
        payload = bytes(self._buffer[HEADER.size : end])
        del self._buffer[:end]
        try:
            return Kind(kind), payload.decode("utf-8")
        except ValueError as error:
            msg = f"a frame that cannot be read: {error}"
            raise FrameError(msg) from None
