"""Results of earlier calls that were too large for their answers: `results["r_…"]`."""

from __future__ import annotations

import json
from collections.abc import Callable

from guest import protocol

Ask = Callable[[str, str], str]


class Results:
    """The results that the host keeps for this token; each is fetched once in a call.

    Args:
        ask: takes a target and a payload, blocks, and returns the reply of the host.
    """

    # Without this, a loop over `results` would ask the host for results[0], results[1] and so on.
    __iter__ = None

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._found: dict[str, object] = {}

    def __repr__(self) -> str:
        return '<results of earlier calls: results["r_…"], results.keys()>'

    def __getattr__(self, attribute: str) -> object:
        msg = (
            f"results has no {attribute!r}: it holds large results of earlier calls, as "
            'results["r_…"]; assign a value of your own to `results` before you use it'
        )
        raise AttributeError(msg)

    def __getitem__(self, name: str) -> object:
        """Return the whole result that an answer has named.

        Raises:
            KeyError: there is none of that name for this token.
        """
        if not isinstance(name, str):
            raise TypeError('results are read by name: results["r_…"]')
        if name not in self._found:
            self._found[name] = json.loads(self._read(protocol.ask_for_result(name)))
        return self._found[name]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name, self) is not self

    def get(self, name: str, default: object = None) -> object:
        """Return a result, or `default` where there is none."""
        try:
            return self[name]
        except KeyError:
            return default

    def keys(self) -> list[str]:
        """Return the names of what is kept, newest first."""
        names: list[str] = json.loads(self._read(protocol.ALL))
        return names

    def _read(self, asked: str) -> str:
        reply = protocol.read_reply(self._ask(protocol.RESULTS, asked))
        if reply.failure is None:
            return reply.body
        is_missing = reply.failure.kind == "missing"
        raise (KeyError if is_missing else RuntimeError)(reply.failure.message)
