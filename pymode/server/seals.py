"""Seals the journal of a paused call, for the client to bring back with the person's answers.

The journal travels in the client's hands (`requestState`), encrypted and authenticated by the
SDK's codec under a key that this process alone holds and forgets at its end. So a paused call can
go on in this process only, and the process knows which of its seals were broken already: each is
opened once, and no request can be sent a second time by a copy of it. Behind a balancer that sends
the answer to another process the call ends with an error, and is run again.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Mapping

from mcp.server.request_state import AESGCMRequestStateCodec, InvalidRequestState

from pymode.actions.sent import describe_sent
from pymode.call.journal import Journal, too_large
from pymode.errors import ApprovalError
from pymode.policy.approvals import APPROVAL_SECONDS

# A client keeps it and sends it back; listening.py leaves room for it in a request's body.
MAX_STATE_CHARS = 1024 * 1024

_AGAIN = "nothing more was sent; run the call again"


class Seals:
    """Seals journals and opens them, each once.

    Args:
        seconds: how long a person may take.
        clock: seconds since 1970.
    """

    def __init__(
        self, seconds: float = APPROVAL_SECONDS, clock: Callable[[], float] = time.time
    ) -> None:
        self._codec = AESGCMRequestStateCodec([os.urandom(32)])
        self._seconds = seconds
        self._clock = clock
        # By nonce, when each will have expired.
        self._opened: dict[str, float] = {}

    def seal(self, journal: Journal, binding: Mapping[str, str]) -> str:
        """Return the sealed journal as text.

        Args:
            journal: of the call that waits.
            binding: what must be the same when it goes on, by what an error calls it.

        Raises:
            ApprovalError: it is too large for the client to carry.
        """
        claims = {
            "nonce": secrets.token_hex(16),
            "expires": self._clock() + self._seconds,
            "binding": {name: _digest(text) for name, text in binding.items()},
        }
        head = json.dumps(claims).encode()
        state = self._codec.seal(head + b"\n" + journal.write())
        if len(state) > MAX_STATE_CHARS:
            sizes = too_large(len(state), MAX_STATE_CHARS)
            raise ApprovalError(f"{sizes}. {describe_sent(journal.sent)}")
        return state

    def open(self, state: str, binding: Mapping[str, str]) -> Journal:
        """Return the journal of a seal that is intact, fresh, unused and of this same call.

        Raises:
            ApprovalError: it is none of that; the message says what to do.
        """
        try:
            if len(state) > MAX_STATE_CHARS:
                raise InvalidRequestState("too long")
            head, _, data = self._codec.unseal(state).partition(b"\n")
            claims = json.loads(head)
        except (InvalidRequestState, ValueError):
            msg = f"the state of the paused call is damaged, or another server made it: {_AGAIN}"
            raise ApprovalError(msg) from None
        for name, text in binding.items():
            if claims["binding"].get(name) != _digest(text):
                raise ApprovalError(f"the paused call had another {name}: {_AGAIN}")
        now = self._clock()
        journal = Journal.read(data)
        if claims["expires"] <= now:
            late = f"the answer came after more than {self._seconds / 60:.0f} minutes"
            raise ApprovalError(f"{late}: {_AGAIN}. {describe_sent(journal.sent)}")
        self._opened = {nonce: end for nonce, end in self._opened.items() if end > now}
        if claims["nonce"] in self._opened:
            msg = (
                "the answer was used already, and what it approved may have been sent: look at the "
                f"API or the log before running it again. Before it: {describe_sent(journal.sent)}"
            )
            raise ApprovalError(msg)
        self._opened[claims["nonce"]] = claims["expires"]
        return journal


def _digest(text: str) -> str:
    # Inside of the seal no one sees it, so it needs no key.
    data = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return base64.b64encode(data[:24]).decode()
