"""Where the code's `print` goes: to the host, in pieces."""

import io

from guest.limits import LimitExceeded
from wit_world.imports import host

# The first lines are sent one by one, so that an endless loop shows how far it came;
# later ones in pieces, because each crossing costs about 30 µs.
EAGER_WRITES = 20
PIECE_CHARS = 1024


class Printed(io.TextIOBase):
    """A text stream that keeps count and hands over to the host."""

    def __init__(self) -> None:
        self.begin(0)

    def begin(self, limit: int) -> None:
        """Start a call that may print `limit` characters."""
        self._limit = limit
        self._chars = 0
        self._writes = 0
        self._waiting: list[str] = []
        self._waiting_chars = 0

    def writable(self) -> bool:
        """Say that this stream takes text."""
        return True

    def write(self, text: str) -> int:
        """Take `text`; raise `LimitExceeded` past the limit, after what still fits."""
        if not isinstance(text, str):
            msg = f"write() argument must be str, not {type(text).__name__}"
            raise TypeError(msg)
        rest = self._limit - self._chars
        self._chars += len(text)
        self._keep(text[:rest] if rest > 0 else "")
        if self._chars > self._limit:
            self.flush()
            msg = (
                f"the code printed more than {self._limit:,} characters; "
                "print less, or return the data as the result"
            )
            raise LimitExceeded("printed_chars", msg)
        return len(text)

    def _keep(self, text: str) -> None:
        self._waiting.append(text)
        self._waiting_chars += len(text)
        if text.endswith("\n") and self._writes < EAGER_WRITES:
            self._writes += 1
            self.flush()
        elif self._waiting_chars >= PIECE_CHARS:
            self.flush()

    def flush(self) -> None:
        """Hand over what waits."""
        if self._waiting:
            text = "".join(self._waiting)
            self._waiting.clear()
            self._waiting_chars = 0
            # Lone surrogates cannot cross; show them escaped.
            host.print(text.encode("utf-8", "backslashreplace").decode())
