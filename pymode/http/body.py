"""Bodies that come from a server, within limits: what every HTTP client of pymode reads through.

pymode sends requests with httpx, and the MCP SDK with httpx2. Both ask for answers that are not
compressed, and both may get compressed ones. This module has no client: it takes pieces of bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

from pymode.errors import HttpError
from pymode.http.decompression import Inflater


class BodyReader:
    """Reads one body piece by piece, and inflates it if the server compressed it.

    Args:
        headers: of the answer, names in lower case.
        limit_bytes: the most that the body may have, on the wire and inflated.

    Attributes:
        declared_bytes: what the server says that it sends; 0 if it does not say.

    Raises:
        HttpError: the body is declared to be larger, or its encoding is not understood.
    """

    def __init__(self, headers: Mapping[str, str], limit_bytes: int) -> None:
        declared = headers.get("content-length", "")
        self.declared_bytes = int(declared[:20]) if declared.isdecimal() else 0
        if self.declared_bytes > limit_bytes:
            raise too_large(limit_bytes)
        self._limit_bytes = limit_bytes
        self._inflater = Inflater.of(headers.get("content-encoding", ""), limit_bytes)
        self._read_bytes = 0
        self._has_begun = False

    def feed(self, chunk: bytes) -> bytes:
        """Return what a piece of the body says.

        Raises:
            HttpError: the body is too large, or its compression is damaged.
        """
        self._read_bytes += len(chunk)
        self._has_begun = self._has_begun or bool(chunk)
        if self._read_bytes > self._limit_bytes:
            raise too_large(self._limit_bytes)
        return self._inflater.feed(chunk) if self._inflater else chunk

    def renew(self) -> None:
        """Count anew: in a stream of messages, the limit is for each message."""
        self._read_bytes = 0
        if self._inflater:
            self._inflater.renew()

    def finish(self) -> None:
        """Check that a compressed body came to its end.

        Raises:
            HttpError: it did not.
        """
        # A server that declares a compression and sends nothing has sent an empty body.
        if self._inflater and self._has_begun:
            self._inflater.finish()


def too_large(limit_bytes: int) -> HttpError:
    """Return the error for a body over a limit."""
    msg = (
        f"the response is larger than {limit_bytes:,} bytes; ask for fewer items or a smaller part"
    )
    return HttpError(msg, kind="too_large")
