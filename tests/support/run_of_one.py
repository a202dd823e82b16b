"""One namespace with its layers and its context, as one run of a call has them."""

from __future__ import annotations

import json
from typing import Any

from pydantic import SecretStr

from pymode.actions.context import Context
from pymode.actions.layers import make_pipeline
from pymode.actions.namespace import AnyNamespace
from pymode.actions.sent import Planned, SentRequest
from pymode.apis.account import AccountFinder, KnownAccounts
from pymode.apis.auth import Auth
from pymode.apis.namespace import APINamespace
from pymode.apis.retries import PACE, Pace
from pymode.apis.sender import Sender
from pymode.errors import HostCallError
from pymode.http.client import Http
from pymode.limits import Limits
from pymode.policy.action import Request, RequestAction
from pymode.policy.guard import Guard
from pymode.policy.rules import Rules
from pymode.tools.namespace import ToolNamespace
from pymode.tools.toolbox import Toolbox


class RunOfOne:
    """Answers the requests of a guest to one namespace."""

    def __init__(self, namespace: AnyNamespace, context: Context) -> None:
        self.namespace = namespace
        self.context = context
        self.pipeline = make_pipeline(namespace)

    def __repr__(self) -> str:
        return repr(self.namespace)

    @property
    def sent(self) -> list[SentRequest]:
        return self.context.sent

    @property
    def planned(self) -> list[Planned]:
        return self.context.planned

    async def request(self, payload: str) -> str:
        return await self.pipeline.answer(payload, self.context)

    async def account_id(self) -> str:
        assert isinstance(self.namespace, APINamespace)
        finder = AccountFinder(
            self.namespace, self.pipeline.handle, self.context, KnownAccounts(), None
        )
        head, _, body = (await finder.answer()).partition("\n")
        if error := json.loads(head).get("error"):
            raise HostCallError(error["message"])
        found: str = json.loads(body)
        return found


def run_api(
    name: str,
    base_url: str,
    auth: Auth | SecretStr | None,
    http: Http,
    limits: Limits | None = None,
    *,
    guard: Guard | None = None,
    pace: Pace = PACE,
    **more: Any,
) -> RunOfOne:
    """A run of an API; `more` is for its context."""
    namespace = APINamespace(name, Sender(name, base_url, auth, http, pace), guard)
    return RunOfOne(namespace, Context(limits=limits or Limits(), **more))


def run_tools(name: str, toolbox: Toolbox, rules: Rules | None = None, **more: Any) -> RunOfOne:
    """A run of a group of tools; `more` is for its context."""
    return RunOfOne(ToolNamespace(name, toolbox, rules), Context(**more))


def make_action(request: Request, path: str = "", query: str = "", **more: Any) -> RequestAction:
    """An action for a request, sent as it is written but for what is given."""
    return RequestAction(request.method, path or request.path, request=request, query=query, **more)
