"""Results too large for an answer: kept for who made them, read by the code of later calls.

The guest asks with a payload of JSON, `{"name": "r_…"}` for one result and `{}` for the names of
all. The value of the reply is the JSON of what was asked for.
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
from pymode.protocol import targets
from pymode.protocol.replies import Failure, FailureKind, Value
from pymode.sandbox.hostcalls import HostCallHandler

# A name has 18 characters; what is longer is none.
_PAYLOAD_CHARS = 200
_CLOSED = (
    "this call has no results of earlier ones: they are kept for callers with a token of their "
    "own, and only where there is a log; return less, or do all of it in one call"
)

_log = logging.getLogger(__name__)


class Shelf:
    """The kept results of one owner.

    Args:
        results: where they are.
        owner: whose they are; None, for a caller that cannot be told from others, has none.
        result_bytes: the most that one may have, as JSON in UTF-8.
    """

    def __init__(self, results: Results, owner: bytes | None, result_bytes: int) -> None:
        self._results = results
        self._owner = owner
        self._result_bytes = result_bytes

    def keeping(self, value: JSON, note: str) -> Keep | None:
        """What keeps a value once somebody finds it too large, and returns its name.

        Args:
            value: the result of a call.
            note: what it is, for `list`.
        """
        if self._owner is None:
            return None
        owner = self._owner
        name: str | None = None

        async def keep() -> str | None:
            nonlocal name
            content = "" if name else write_json(value)
            if content and len(content.encode()) <= self._result_bytes:
                try:
                    name = await self._results.keep(owner, content, note)
                except LogError as error:
                    # The answer is cut as it would be without a log, and names nothing.
                    _log.warning("a large result was not kept: %s", error)
            return name

        return keep

    async def list(self) -> list[Kept]:
        """The newest results of the owner, newest first.

        Raises:
            LogError: they cannot be read.
        """
        return [] if self._owner is None else await self._results.list(self._owner)

    async def read(self, name: str) -> str | None:
        """The JSON of one result, or None where the owner has none of that name.

        Raises:
            LogError: it cannot be read, or this server allows less than was kept.
        """
        if self._owner is None or len(name) > _PAYLOAD_CHARS:
            return None
        content = await self._results.get(self._owner, name)
        if content is not None and len(content.encode()) > self._result_bytes:
            msg = f"the result {name} is larger than the {self._result_bytes:,} bytes allowed here"
            raise LogError(msg)
        return content

    def answering(self, answer: HostCallHandler) -> HostCallHandler:
        """What answers a guest: calls for results here, all others by `answer`."""

        async def through(target: str, payload: str) -> str:
            if target != targets.RESULTS:
                return await answer(target, payload)
            try:
                return await self._answer(payload)
            except LogError as error:
                return Failure(FailureKind.UNREADABLE, str(error)).write()

        return through

    async def _answer(self, payload: str) -> str:
        if self._owner is None:
            return Failure(FailureKind.MISSING, _CLOSED).write()
        # The guest is hostile: what it sends is small and flat, or not looked at.
        small = payload if len(payload) <= _PAYLOAD_CHARS else "0"
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
    """Return what calls of one token to one API have in common, without telling the token.

    It needs no secret of its own, so it is the same in every process.

    Args:
        secret: the token.
        api: its name and where it is.
    """
    token = secret.get_secret_value() if secret else ""
    return hmac.digest(token.encode(), api.encode(), "sha256")
