"""Records each call and each action, a write before it is carried out.

A write is committed before it is sent: a process killed at any moment leaves no sent write out. A
read is recorded when it has ended, with others in one commit: it changes nothing that anybody
would have to look for.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping

from pymode.log.database import Database
from pymode.log.rows import End, OpenCall, OpenRequest, add_call, end_call, put_request
from pymode.log.text import Redact, keep_plain, make_call_id

ANSWERED, FAILED, NOT_SENT = "answered", "failed", "not sent"
_QUERY_NAMES = 50


class Log:
    """Records calls and requests. Only `begin_request` ever waits, and only for a write.

    Args:
        database: where they go.
        redact: the last guard: applied to each text that is stored, in the database's thread. It
            must be a plain function of its text. What it raises keeps the record out.
    """

    def __init__(self, database: Database, *, redact: Redact = keep_plain) -> None:
        self.database = database
        self._redact = redact

    def begin_call(
        self,
        tool: str,
        code: str,
        *,
        api: str = "",
        owner: bytes | None = None,
        redact: Redact | None = None,
    ) -> OpenCall:
        """Record that a call begins.

        Args:
            tool: "search" or "execute".
            code: as the model wrote it.
            api: what the code calls the API, or where its document comes from.
            owner: a keyed digest of the token and the server; never the token.
            redact: a further guard for this call and its requests, such as for its own token.
        """
        call = OpenCall(
            id=make_call_id(),
            started=self.database.clock(),
            tool=tool,
            api=api,
            owner=owner,
            code=code,
            redact=self._join(redact),
        )
        self._post(lambda connection: add_call(connection, call))
        return call

    def end_call(
        self,
        call: OpenCall,
        outcome: str,
        *,
        message: str = "",
        used: Mapping[str, float] | None = None,
    ) -> None:
        """Record how a call ended. A read that has not ended is recorded as unanswered.

        Args:
            call: that was begun.
            outcome: "ok", or in a word what went wrong.
            message: the error's text.
            used: how much of each limit was used, by the names of `Limits`.
        """
        # The clock may have been set back meanwhile.
        seconds = max(0.0, self.database.clock() - call.started)
        reads, call.reads = call.reads, set()
        taken = dict(used or {})

        def end(connection: sqlite3.Connection) -> None:
            for read in reads:
                put_request(connection, read, End())
            end_call(connection, call, seconds, outcome, message, taken)

        self._post(end)

    async def begin_request(
        self,
        call: OpenCall,
        method: str,
        path: str,
        *,
        is_write: bool,
        query: Iterable[str] = (),
        approval: str = "",
    ) -> OpenRequest:
        """Record that a request is about to be sent; a write is committed when this returns.

        Args:
            call: that sends it.
            method: in capitals.
            path: as sent, below the base URL; from a `?` on it is left out.
            is_write: whether it may change something.
            query: the names of its parameters; values may hold secrets and are not recorded.
            approval: who or what allowed it, such as "approved by a person"; "" if nobody had to.

        Raises:
            LogError: a write could not be recorded: do not send it.
        """
        request = self._number(call, method, path, is_write, query, approval)
        if not is_write:
            call.reads.add(request)
        elif self.database.path is not None:
            try:
                await self.database.write(
                    lambda connection: put_request(connection, request, End())
                )
            except asyncio.CancelledError:
                self.end_request(request, outcome=NOT_SENT, reason="the call was cancelled")
                raise
        return request

    def end_request(
        self,
        request: OpenRequest,
        status: int | None = None,
        seconds: float | None = None,
        *,
        outcome: str | None = None,
        attempts: int = 1,
        reason: str = "",
    ) -> None:
        """Record how a request ended.

        Args:
            request: that was begun.
            status: of the answer; None if none came.
            seconds: from sending to the answer or the failure.
            outcome: by default "answered" with a status and "failed" without; "not sent" if
                nothing left this machine.
            attempts: how often it was sent.
            reason: why there is no answer.
        """
        request.call.reads.discard(request)
        outcome = outcome or (FAILED if status is None else ANSWERED)
        end = End(outcome, status, seconds, attempts, reason)
        self._post(lambda connection: put_request(connection, request, end))

    def note_request(
        self,
        call: OpenCall,
        method: str,
        path: str,
        *,
        is_write: bool,
        outcome: str,
        reason: str = "",
        query: Iterable[str] = (),
        approval: str = "",
    ) -> None:
        """Record a request that is not sent.

        Args:
            call: that asked for it.
            method: in capitals.
            path: as for `begin_request`.
            is_write: whether it might have changed something.
            outcome: such as "refused" or "dry run".
            reason: the rule or the check that stopped it.
            query: as for `begin_request`.
            approval: as for `begin_request`.
        """
        request = self._number(call, method, path, is_write, query, approval)
        end = End(outcome, reason=reason, attempts=0)
        self._post(lambda connection: put_request(connection, request, end))

    def _post(self, work: Callable[[sqlite3.Connection], object]) -> None:
        # In memory there is nobody to read it: only kept results are worth their time there.
        if self.database.path is not None:
            self.database.post(work)

    def _number(
        self,
        call: OpenCall,
        method: str,
        path: str,
        is_write: bool,
        query: Iterable[str],
        approval: str,
    ) -> OpenRequest:
        call.last_number += 1
        return OpenRequest(
            call=call,
            number=call.last_number,
            is_write=is_write,
            started=self.database.clock(),
            method=method,
            path=path.partition("?")[0].partition("#")[0],
            query=tuple(query)[:_QUERY_NAMES],
            approval=approval,
        )

    def _join(self, redact: Redact | None) -> Redact:
        if redact is None:
            return self._redact
        first, second = redact, self._redact
        return lambda text: second(first(text))
