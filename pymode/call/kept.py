"""Results that are too large for an answer: kept for their owner, read by later calls.

The payload of the guest's host call is JSON: `{"name": "r_…"}` asks for one result, and `{}` for
the names of all. The value of the reply is the JSON of the result, or of the list of names.
"""

from __future__ import annotations

import hmac
import json
import logging

from pydantic import SecretStr

from pymode.answers.render import write_json
from pymode.call.result import JSON, Keep
from pymode.errors import LogError
from pymode.log import Kept, Results
from pymode.protocol.replies import Failure, FailureKind, Value

# A name has 18 characters, so a longer text is no name.
_MAX_PAYLOAD_CHARS = 200
_CLOSED = (
    "this call has no results of earlier ones: they are kept for callers with a token of their "
    "own, and only where there is a log; return less, or do all of it in one call"
)

_log = logging.getLogger(__name__)


class KeptResults:
    """The kept results of one owner.

    Args:
        results: the store of all results.
        owner: the digest of the owner; None for a caller that cannot be told from others, which
            has no results.
        result_bytes: the most bytes that one result may have, as JSON in UTF-8.
    """

    def __init__(self, results: Results, owner: bytes | None, result_bytes: int) -> None:
        self._results = results
        self._owner = owner
        self._result_bytes = result_bytes

    def keeping(self, value: JSON, note: str) -> Keep | None:
        """Return a function that keeps a value and returns its name; None if nothing is kept.

        `Result.render` calls it once the value turns out to be too large for the answer.

        Args:
            value: the result of a call.
            note: a description of the value, for `list`.
        """
        if self._owner is None:
            return None
        owner = self._owner
        name: str | None = None

        async def keep() -> str | None:
            nonlocal name
            # A result that is rendered again is not kept again.
            content = "" if name else write_json(value)
            if content and len(content.encode()) <= self._result_bytes:
                try:
                    name = await self._results.keep(owner, content, note)
                except LogError as error:
                    # The answer is then cut as if there were no log, and names no kept result.
                    _log.warning("a large result was not kept: %s", error)
            return name

        return keep

    async def list(self) -> list[Kept]:
        """Return the newest results of the owner, newest first.

        Raises:
            LogError: they cannot be read.
        """
        return [] if self._owner is None else await self._results.list(self._owner)

    async def read(self, name: str) -> str | None:
        """Return the JSON of one result, or None if the owner has none of that name.

        Raises:
            LogError: it cannot be read, or it is larger than this server allows.
        """
        if self._owner is None or len(name) > _MAX_PAYLOAD_CHARS:
            return None
        content = await self._results.get(self._owner, name)
        if content is not None and len(content.encode()) > self._result_bytes:
            msg = f"the result {name} is larger than the {self._result_bytes:,} bytes allowed here"
            raise LogError(msg)
        return content

    async def answer(self, payload: str) -> str:
        """Return the reply to the guest, which asks for a result or for the names of all."""
        try:
            return await self._answer(payload)
        except LogError as error:
            return Failure(FailureKind.UNREADABLE, str(error)).write()

    async def _answer(self, payload: str) -> str:
        if self._owner is None:
            return Failure(FailureKind.MISSING, _CLOSED).write()
        # The guest is hostile, so a payload that is too long is not parsed.
        small = payload if len(payload) <= _MAX_PAYLOAD_CHARS else "0"
        try:
            asked = json.loads(small)
        except (ValueError, RecursionError):
            asked = None
        if asked == {}:
            names = [kept.id for kept in await self.list()]
            return Value(json.dumps(names)).write()
        name = asked.get("name") if isinstance(asked, dict) else None
        content = await self.read(name) if isinstance(name, str) else None
        if content is None:
            shown = name[:40] if isinstance(name, str) else "of that name"
            msg = (
                f"there is no result {shown}: it is kept no longer, or another token or server "
                "made it; call the API again"
            )
            return Failure(FailureKind.MISSING, msg).write()
        return Value(content).write()


def find_owner(secret: SecretStr | None, api: str) -> bytes:
    """Return a digest that is the same for all calls of one token to one API.

    The digest does not show the token. It is made without a key of this process, so that every
    process computes the same.

    Args:
        secret: the token, or all tokens joined; None for a caller without one.
        api: the name and the base URL of each API, and the names of the other namespaces.
    """
    token = secret.get_secret_value() if secret else ""
    return hmac.digest(token.encode(), api.encode(), "sha256")
