"""`state`: a dict of JSON values that a session keeps from one call to the next."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from guest import protocol
from guest.encode import Unencodable, encode

# The host keeps less; this only bounds what is written.
MAX_STATE_BYTES = 16 * 2**20


class StateError(Exception):
    """What the code left in `state` cannot be kept."""


class Session:
    """The state as it came, so that what has changed can be told.

    Args:
        text: the reply of the host.

    Raises:
        StateError: this call has no state.
    """

    def __init__(self, text: str) -> None:
        texts = json.loads(read_reply(text))
        self.value: dict[str, Any] = dict(_read_values(texts))
        self._before = {name: _write(name, value) for name, value in self.value.items()}

    def find_changes(self) -> str:
        """Return what to tell the host: the values that were set and the names that are gone.

        Raises:
            StateError: a name or a value has no JSON form.
        """
        after = {name: _write(name, value) for name, value in self.value.items()}
        put = {name: text for name, text in after.items() if self._before.get(name) != text}
        gone = [name for name in self._before if name not in after]
        if not put and not gone:
            return ""
        return protocol.write_changes(put, gone)


def _read_values(texts: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """Yield the values that are JSON. Only code that patches the guest can keep others."""
    for name, text in texts.items():
        with contextlib.suppress(ValueError, RecursionError):
            yield name, json.loads(text)


def _write(name: object, value: object) -> str:
    if not isinstance(name, str):
        raise StateError(f"state: the name {name!r:.60} must be a string")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise StateError(f"state: the name {name!r:.60} holds half a surrogate pair") from None
    try:
        return encode(value, MAX_STATE_BYTES, {}).text
    except Unencodable as error:
        raise StateError(f"state[{name!r:.60}]: {error}") from None


def read_reply(text: str) -> str:
    """Return the body of a reply.

    Raises:
        StateError: the host could not do what was asked.
    """
    reply = protocol.read_reply(text)
    if reply.failure is not None:
        raise StateError(reply.failure.message)
    return reply.body
