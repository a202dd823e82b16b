"""`state` in the sandbox: what a session keeps from one call to the next."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import TypeAlias

from pymode.protocol.replies import Failure, FailureKind, Value

# Beyond this number of sessions, or beyond the size of this many full states together, the least
# recently used sessions are forgotten.
MAX_SESSIONS = 1_000
MAX_FULL = 64
# The memory that one name costs beside its text. Without it, many short names would not count.
NAME_BYTES = 200
# The most characters that one byte of state takes in a payload: there each JSON text is itself a
# JSON string, in which `"` becomes `\"` and a letter outside of ASCII becomes `\uXXXX`.
MAX_ESCAPED_CHARS = 6

Session: TypeAlias = tuple[bytes, str]
"""Whose state it is: the owner by the token, and what tells the owner's sessions apart."""


_DECODER = json.JSONDecoder()


class States:
    """The states of all sessions, in memory.

    Args:
        state_bytes: the most bytes that one state may have, as JSON in UTF-8, names included.
    """

    def __init__(self, state_bytes: int) -> None:
        self._state_bytes = state_bytes
        self._max_names = max(100, state_bytes // 100)
        self._sessions: OrderedDict[Session, dict[str, str]] = OrderedDict()
        self._sizes: dict[Session, int] = {}

    def answer(self, session: Session | None, payload: str) -> str:
        """Answer a host call: return the whole state, or store the changes.

        Args:
            session: None for a caller that cannot be told from others.
            payload: "" to read; else {"set": {name: JSON text}, "gone": [name]}.
        """
        if session is None:
            return _fail(
                "this call has no state: it is kept for callers with a token of their own; "
                "return what the next call needs, and pass it in its code"
            )
        if session in self._sessions:
            self._sessions.move_to_end(session)
        if not payload:
            values = self._sessions.get(session, {})
            return Value(json.dumps(values)).write()
        if len(payload) > MAX_ESCAPED_CHARS * self._state_bytes + 100:
            return self._refuse_size(len(payload))
        try:
            put, gone = _read(payload)
            return self._change(session, put, gone)
        except ValueError:
            return _fail("the state cannot be read")

    def _change(self, session: Session, put: dict[str, str], gone: set[str]) -> str:
        before = self._sessions.get(session, {})
        after = {name: text for name, text in before.items() if name not in gone} | put
        size = sum(len(name.encode()) + len(text.encode()) for name, text in after.items())
        if size > self._state_bytes:
            return self._refuse_size(size)
        if len(after) > self._max_names:
            return _fail(
                f"state would have {len(after):,} names; at most {self._max_names:,} are kept, so "
                "it stays as it was: put values that belong together into one dict"
            )
        self._sessions[session] = after
        self._sessions.move_to_end(session)
        self._sizes[session] = size + NAME_BYTES * len(after)
        max_bytes = MAX_FULL * (self._state_bytes + NAME_BYTES * self._max_names)
        while len(self._sessions) > MAX_SESSIONS or sum(self._sizes.values()) > max_bytes:
            forgotten, _ = self._sessions.popitem(last=False)
            del self._sizes[forgotten]
        return Value().write()

    def _refuse_size(self, size: int) -> str:
        return _fail(
            f"state would have {size:,} bytes; at most {self._state_bytes:,} are kept, so it "
            "stays as it was: remove what is no longer needed, or return the value"
        )


def _read(payload: str) -> tuple[dict[str, str], set[str]]:
    """Return the JSON texts to store by name, and the names to remove.

    The guest is hostile, and a JSON parser would take a second for two million brackets, so only
    the strings are read: `{"set": {"a": "1", "b": "[]"}, "gone": ["c"]}`.

    Raises:
        ValueError: the payload has another form.
    """
    scan = _Scanner(payload)
    scan.take('{"set": {')
    put = {}
    while not scan.accept("}"):
        name = scan.read_string()
        scan.take(": ")
        put[name] = scan.read_string()
        scan.accept(", ")
    scan.take(', "gone": [')
    gone = set()
    while not scan.accept("]"):
        gone.add(scan.read_string())
        scan.accept(", ")
    scan.take("}")
    scan.finish()
    return put, gone


class _Scanner:
    """Reads JSON strings and the marks between them, from the left to the right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def accept(self, mark: str) -> bool:
        """Pass a mark if it comes next, and say whether it did."""
        found = self._text.startswith(mark, self._at)
        self._at += len(mark) * found
        return found

    def take(self, mark: str) -> None:
        """Pass a mark. Raises `ValueError` if another one comes next."""
        if not self.accept(mark):
            raise ValueError(mark)

    def read_string(self) -> str:
        """Return the string that comes next. Raises `ValueError` if there is none."""
        if not self._text.startswith('"', self._at):
            raise ValueError(self._at)
        text: str
        text, self._at = _DECODER.raw_decode(self._text, self._at)
        # Half a surrogate pair has no UTF-8, so it could not be sent to a guest again.
        text.encode()
        return text

    def finish(self) -> None:
        """Raise `ValueError` if something comes next."""
        if self._at != len(self._text):
            raise ValueError(self._text[self._at : self._at + 20])


def _fail(message: str) -> str:
    return Failure(FailureKind.STATE, message).write()
