"""What a namespace does with an action: the two ends of the layers."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from pymode.actions.context import Context
from pymode.actions.recorder import End
from pymode.policy.action import Action
from pymode.policy.approvals import Question

A = TypeVar("A", bound=Action)
R = TypeVar("R")


class Namespace(Protocol[A, R]):
    """One object in the scope of the code, such as `cloudflare` or `db`.

    `A` is the type of its actions, and `R` the type of their results.
    """

    @property
    def name(self) -> str:
        """The name that the code uses."""

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """The exceptions that `write_failure` can write."""

    async def read(self, payload: str, context: Context) -> A:
        """Read an action from the payload of a host call, which is hostile.

        Raises:
            RequestRefused: the payload is not well formed, or the action is surely wrong.
        """

    def judge(self, action: A) -> A:
        """Return the action with what the policy found about it.

        Raises:
            RequestRefused: the action is surely wrong, or fails a strict check by the document.
            RuleRefused: a rule of the operator forbids it.
        """

    def show(self, action: A) -> str:
        """Return the body or the arguments for the plan of a dry run, without secrets."""

    def pretend(self, action: A) -> R:
        """Return an example of an answer, for a write in a dry run."""

    def ask(self, action: A) -> tuple[Question, str]:
        """Return what to ask a person about the action, and the digest of the exact action."""

    async def carry_out(self, action: A, context: Context) -> R:
        """Send the request or call the tool, and add each attempt to `context.sent`."""

    def end(self, result: R) -> End:
        """Return how the log names an action with this result."""

    def end_of_failure(self, error: BaseException) -> End:
        """Return how the log names an action that ended with this exception."""

    def write(self, result: R) -> str:
        """Write the reply to the guest."""

    def write_failure(self, error: Exception) -> str:
        """Write the reply to the guest for one of `failures`."""


AnyNamespace = Namespace[Any, Any]
