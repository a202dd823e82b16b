"""The calls in flight at a server, and the questions and progress that belong to them."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from mcp import types
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from pymode.actions.context import Context
from pymode.tools.mcp.messages import cut

_MAX_QUESTIONS = 20
_MAX_MESSAGE_CHARS = 4_000
_MAX_SCHEMA_CHARS = 64 * 1024
_MAX_SENTENCE_CHARS = 1_000

_NOBODY = "it asked a question, and nobody can be asked here"
_SEVERAL = (
    "it asked a question while several calls to it were under way, or after one was given up, and "
    "does not say which one it belongs to: make this call while no other one is"
)
_STRAY = "it asked a question while no call was under way"
_BROWSER = "it wants a page opened in a browser, which pymode does not pass on"
_TOO_MANY = f"it asked more than {_MAX_QUESTIONS} questions in one call"
_TOO_LARGE = "it asked a question that is too large to show"
_UNASKED = "its question could not be asked"
_UNREADABLE = "the answer to its question does not have the form that it asked for"

_log = logging.getLogger(__name__)


def printable(text: str) -> str:
    """Escape the characters that cannot be seen, such as control and direction characters.

    With them a server could make a question look like another text.
    """
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text
    )


@dataclass(eq=False)
class CallInFlight:
    """One call in flight. It passes the server's questions and progress on to the client.

    Args:
        context: the context of the run, whose `elicit` asks the person and whose `progress` takes
            the progress.
        asker: the beginning of the sentence that tells the person who asks.
        notes: why questions of the server were declined; an error of the call shows them.
    """

    context: Context
    asker: str = "an MCP server"
    notes: list[str] = field(default_factory=list)
    _questions: int = 0
    _is_telling: bool = False
    _latest: tuple[float, float | None, str | None] | None = None

    async def answer(self, asked: types.ElicitRequestParams) -> types.ElicitResult:
        """Ask the person a question of the server, and return the answer.

        A question that cannot be asked, or whose answer cannot be used, is declined.
        """
        self._questions += 1
        elicit = self.context.elicit
        if elicit is None:
            return self.decline(_NOBODY)
        if isinstance(asked, types.ElicitRequestURLParams):
            return self.decline(_BROWSER)
        if self._questions > _MAX_QUESTIONS:
            return self.decline(_TOO_MANY)
        if len(json.dumps(asked.requested_schema)) > _MAX_SCHEMA_CHARS:
            return self.decline(_TOO_LARGE)
        try:
            # The client shows the question as one of pymode. So the text says who asks, or a server
            # could pass its question off as pymode's, such as one for the approval of a write.
            text = printable(cut(asked.message, _MAX_MESSAGE_CHARS))
            message = (
                f"{self.asker}, not pymode, asks this, and gets your answer. "
                f"Give it no password and no token.\n\n{text}"
            )
            action, content = await elicit(message, asked.requested_schema)
        except Exception as error:
            # A failure of the client must not end the connection to the server.
            _log.debug("a question could not be asked: %r", error)
            return self.decline(_UNASKED)
        return self._read(action, content)

    def decline(self, why: str) -> types.ElicitResult:
        """Decline a question, and note the reason, because the protocol has no field for it."""
        if why not in self.notes:
            self.notes.append(why)
        return types.ElicitResult(action="decline")

    async def tell(self, progress: float, total: float | None, message: str | None) -> None:
        """Pass on the server's progress; if it comes too fast, only the latest report is passed on.

        Args:
            progress: a fraction or a count; a value that is not finite is ignored.
            total: the value of `progress` at the end; None if it is not known.
            message: a sentence for the person; at most 1,000 characters of it are passed on.
        """
        if self.context.progress is None or not math.isfinite(progress):
            return
        total = total if total is not None and math.isfinite(total) else None
        self._latest = (progress, total, cut(message, _MAX_SENTENCE_CHARS) if message else None)
        if self._is_telling:
            return
        self._is_telling = True
        try:
            while self._latest is not None:
                latest, self._latest = self._latest, None
                await self.context.progress(*latest)
        # As with questions, a failure of the client must not end the connection.
        except Exception as error:
            _log.debug("progress could not be passed on: %r", error)
        finally:
            self._is_telling = False

    def _read(self, action: str, content: Mapping[str, Any] | None) -> types.ElicitResult:
        if action not in ("accept", "decline", "cancel"):
            return self.decline(_UNREADABLE)
        fields = dict(content) if action == "accept" and content is not None else None
        try:
            return types.ElicitResult.model_validate({"action": action, "content": fields})
        except ValidationError:
            return self.decline(_UNREADABLE)


class CallsInFlight:
    """The calls in flight at one server; finds the call that a question belongs to.

    From protocol version 2026-07-28 on, a question is an answer to its call (see
    `pymode.tools.mcp.tool_call`). Before that, it is a request of the server. Over Streamable HTTP
    this request comes in the response to its call, and the SDK handles it in the context of that
    call. Over stdio nothing says which call it belongs to, so it is answered only if there is one
    call that it can belong to.
    """

    def __init__(self) -> None:
        self._under_way: set[CallInFlight] = set()
        # Set once a call was given up: the server may still ask a question for it, which would look
        # like a question for another call.
        self._has_abandoned_calls = False
        self._current: ContextVar[CallInFlight | None] = ContextVar("call", default=None)

    @contextmanager
    def begin(self, call: CallInFlight) -> Iterator[None]:
        """Keep a call among those in flight while the `with` block runs.

        Each call needs a task of its own, because the task's context says which call it is.
        """
        self._under_way.add(call)
        token = self._current.set(call)
        try:
            yield
        except BaseException as error:
            # After an MCPError nothing more comes for this call: it is the server's answer, or the
            # connection has ended. After any other exception, such as a cancellation, the server
            # may still be working on it.
            self._has_abandoned_calls |= not isinstance(error, MCPError)
            raise
        finally:
            self._current.reset(token)
            self._under_way.discard(call)

    async def answer(self, asked: types.ElicitRequestParams) -> types.ElicitResult:
        """Answer a question that came as a request of the server; see the class."""
        call = self._current.get()
        if call not in self._under_way:
            is_clear = len(self._under_way) == 1 and not self._has_abandoned_calls
            call = next(iter(self._under_way)) if is_clear else None
        if call is not None:
            return await call.answer(asked)
        for other in self._under_way:
            other.decline(_SEVERAL)
        _log.debug("a question was declined: %s", _SEVERAL if self._under_way else _STRAY)
        return types.ElicitResult(action="decline")
