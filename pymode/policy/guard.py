"""Judges requests: by the operator's rules and by what the document says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from pymode.documents.operations import Operations
from pymode.errors import RequestRefused, RuleRefused
from pymode.policy import check, graphql
from pymode.policy.action import RequestAction
from pymode.policy.overrides import check_overrides
from pymode.policy.rules import Rules

Check = Literal["warn", "strict", "off"]


@dataclass(frozen=True, slots=True)
class Guard:
    """Judges the requests to one API, and explains the refusals of the API.

    Args:
        operations: the operations of the document.
        rules: the operator's rules.
        check: "warn" explains what the API refused, "strict" refuses what contradicts the
            document, "off" does neither.
    """

    operations: Operations
    rules: Rules
    check: Check = "warn"

    def judge(self, action: RequestAction) -> RequestAction:
        """Return the action with its operation, and with the rule that holds it, if one does.

        Raises:
            RequestRefused: the action is surely wrong, or contradicts the document in a strict
                check.
            RuleRefused: a rule of the operator forbids it.
        """
        # First of all: after it, the method that is sent is the method that the server carries out.
        check_overrides(action)
        operation = self.operations.match(action.method, action.path)
        action = replace(action, operation=operation)
        action = replace(action, graphql=graphql.judge(action))
        decision = self.rules.decide(action, self.operations)
        if decision.verdict == "deny":
            raise RuleRefused(f"{decision.reason}; nothing was sent")
        if decision.verdict == "approve":
            action = replace(action, held_by=decision.rule)
        if self.check == "strict" and (wrong := check.before(action, self.operations)):
            raise RequestRefused(f"{'; '.join(wrong)}; nothing was sent")
        return action

    def advise(self, action: RequestAction, status: int) -> str:
        """Return what the document knows about a request that the API refused; "" for nothing.

        Args:
            action: the request as it was sent.
            status: the HTTP status of the answer.
        """
        return "" if self.check == "off" else check.advice(action, status, self.operations)
