"""Asks the person at the client, in the older and the newer form of the protocol.

Up to 2025-11-25 the server asks while the tool call is open. From 2026-07-28 it cannot: the call
is answered with the questions and the sealed journal, and the client calls again with both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from mcp import types
from mcp.shared.exceptions import MCPError

from pymode.actions.context import Elicit
from pymode.call.approver import ask_each
from pymode.call.journal import Paused
from pymode.errors import ApprovalError
from pymode.policy.approvals import APPROVAL_SECONDS, Answer, Question
from pymode.policy.questions import show

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

    from pymode.tools.tool import Schema

# The first version in which a server cannot call back; versions are dates.
_ANSWERED_LATER = "2026-07-28"

_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "decision": {
            "type": "string",
            "title": "Decision",
            "description": "approve all: every request of this operation, during this call",
            "enum": [answer.value for answer in Answer],
        }
    },
    "required": ["decision"],
}


class Asking:
    """An approver that asks through an open session, one question after the other."""

    def __init__(self, ctx: ServerRequestContext[Any, Any]) -> None:
        self._session = ctx.session
        self._request_id = ctx.request_id

    async def ask(self, paused: Paused) -> Sequence[Answer]:
        """Return the person's answers; see `pymode.call.approver.Approver`."""
        return await ask_each(paused, self._ask)

    async def _ask(self, question: Question) -> Answer:
        try:
            async with asyncio.timeout(APPROVAL_SECONDS):
                result = await self._session.elicit_form(
                    _message(question), _SCHEMA, related_request_id=self._request_id
                )
        except TimeoutError:
            minutes = APPROVAL_SECONDS / 60
            msg = f"nobody answered within {minutes:.0f} minutes; nothing more was sent"
            raise ApprovalError(msg) from None
        except MCPError as error:
            msg = f"the client could not ask ({error}); nothing more was sent"
            raise ApprovalError(msg) from None
        except ValueError:
            msg = "the client's answer to the question cannot be read; nothing more was sent"
            raise ApprovalError(msg) from None
        return read_answer(result)


class Postponing:
    """An approver for clients that bring the answers with their next request."""

    async def ask(self, paused: Paused) -> NoReturn:
        """Raise `Paused`; see `pymode.call.approver.Approver`."""
        raise paused


def find_approver(ctx: ServerRequestContext[Any, Any]) -> Asking | Postponing | None:
    """Return what asks the person at this client, or None if the client cannot ask."""
    capabilities = ctx.session.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    # Clients that name no mode are those from before there were two.
    if elicitation is None or (elicitation.form is None and elicitation.url is not None):
        return None
    return Postponing() if ctx.protocol_version >= _ANSWERED_LATER else Asking(ctx)


def find_elicit(ctx: ServerRequestContext[Any, Any]) -> Elicit | None:
    """Return what passes an MCP server's question to the person, or None if nothing can.

    From 2026-07-28 a server cannot ask while a call is open, and what an upstream server waits for
    cannot be put off.
    """
    if not isinstance(find_approver(ctx), Asking):
        return None

    async def elicit(message: str, schema: Schema) -> tuple[str, Mapping[str, Any] | None]:
        result = await ctx.session.elicit_form(
            message, dict(schema), related_request_id=ctx.request_id
        )
        return result.action, result.content

    return elicit


def ask_later(paused: Paused, state: str) -> types.InputRequiredResult:
    """Return the questions of a pause and its sealed journal, as the result of a call."""
    requests: types.InputRequests = {
        f"approval-{number}": types.ElicitRequest(
            params=types.ElicitRequestFormParams(
                message=_message(asked.question), requested_schema=_SCHEMA
            )
        )
        for number, asked in enumerate(paused.asked, 1)
    }
    return types.InputRequiredResult(input_requests=requests, request_state=state)


def read_answers(responses: Mapping[str, object] | None, count: int) -> list[Answer]:
    """Return the answers to the questions of `ask_later`; a missing answer is a refusal."""
    found = responses or {}
    return [read_answer(found.get(f"approval-{number}")) for number in range(1, count + 1)]


def read_answer(response: object) -> Answer:
    """Return a person's answer; anything but a clear approval is a refusal."""
    if isinstance(response, types.ElicitResult) and response.action == "accept":
        decision = (response.content or {}).get("decision")
        for answer in (Answer.APPROVE, Answer.APPROVE_ALL):
            if decision == answer.value:
                return answer
    return Answer.REFUSE


def _message(question: Question) -> str:
    return f"The code wants to send a request that needs your approval.\n\n{show(question)}"
