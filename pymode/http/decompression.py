"""Inflates bodies that a server compressed although it was asked not to, under a limit."""

from __future__ import annotations

import zlib

from pymode.errors import HttpError

GZIP = 16 + zlib.MAX_WBITS


class Inflater:
    """Inflate one gzip or deflate body piece by piece.

    Args:
        encoding: "gzip" or "deflate".
        limit_bytes: the most that comes out of it in all.
    """

    def __init__(self, encoding: str, limit_bytes: int) -> None:
        self._encoding = encoding
        self._limit_bytes = limit_bytes
        self._left_bytes = limit_bytes
        self._stream = zlib.decompressobj(GZIP if encoding == "gzip" else zlib.MAX_WBITS)
        self._started = False

    @classmethod
    def of(cls, content_encoding: str, limit_bytes: int) -> Inflater | None:
        """Choose by the Content-Encoding header; None for a body that is not compressed.

        Raises:
            HttpError: an encoding, or a stack of encodings, that is not understood.
        """
        encoding = content_encoding.strip().lower()
        if encoding in ("", "identity"):
            return None
        if encoding in ("gzip", "x-gzip"):
            return cls("gzip", limit_bytes)
        if encoding == "deflate":
            return cls("deflate", limit_bytes)
        shown = encoding[:60]
        msg = f"the server compressed its answer as {shown!r}, which is not understood here"
        raise HttpError(msg, kind="encoding")

    def feed(self, chunk: bytes) -> bytes:
        """Inflate the next piece.

        Raises:
            HttpError: more than `limit_bytes` come out, or the data is not valid.
        """
        if self._encoding == "deflate" and not self._started and chunk:
            # Some servers send deflate without the zlib header. The first byte tells.
            if chunk[0] & 0x0F != zlib.DEFLATED:
                self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
            self._started = True
        try:
            inflated = self._stream.decompress(chunk, self._left_bytes + 1)
        except zlib.error as error:
            raise broken(str(error)) from error
        if len(inflated) > self._left_bytes:
            msg = (
                f"the response is larger than {self._limit_bytes:,} bytes once decompressed;"
                " ask for fewer items or a smaller part"
            )
            raise HttpError(msg, kind="too_large")
        if self._stream.unused_data:
            raise broken("data after its end")
        self._left_bytes -= len(inflated)
        return inflated

    def renew(self) -> None:
        """Allow `limit_bytes` anew from here on."""
        self._left_bytes = self._limit_bytes

    def finish(self) -> None:
        """Check that the compressed data came to its end.

        Raises:
            HttpError: it did not.
        """
        if not self._stream.eof:
            raise broken("it ends too early")


def broken(reason: str) -> HttpError:
    """Return the error for a compressed body that is damaged."""
    return HttpError(f"the compressed answer is damaged: {reason}", kind="encoding")
