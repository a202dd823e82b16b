"""The context of one run of a call's code: what all actions of the run share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pymode.actions.recorder import Recorder
from pymode.actions.sent import Planned, SentRequest
from pymode.errors import HttpError, RequestRefused
from pymode.limits import Limits
from pymode.policy.approvals import ApprovalGate

Elicit: TypeAlias = Callable[
    [str, Mapping[str, Any]], Awaitable[tuple[str, Mapping[str, Any] | None]]
]
"""Asks a person. It takes a message and a JSON Schema, and returns "accept", "decline" or "cancel"
with what the person filled in."""
ToolProgress: TypeAlias = Callable[[float, float | None, str | None], Awaitable[None]]
"""Hears how far a tool is: a fraction or a count, the total if it is known, and a sentence."""


@dataclass(slots=True)
class Context:
    """What all actions of one run share.

    Args:
        limits: the limits of the call.
        dry_run: whether writes are answered with an example instead of being carried out.
        approvals: asks for the approval of actions that a rule holds.
        recorder: records actions in the log; None records nothing.
        elicit: asks the person at the client what an MCP server wants to know; None if nobody can
            be asked.
        progress: is told how far a tool is; None if nobody listens.
        sent: every attempt to carry out an action, in the order in which they ended.
        planned: the writes that a dry run held back.
        traffic_bytes: how much the run has sent and received so far, and what answers that are
            being read will have.
        judging: held while a long action of the run is judged.
    """

    limits: Limits = field(default_factory=Limits)
    dry_run: bool = False
    approvals: ApprovalGate = field(default_factory=ApprovalGate)
    recorder: Recorder | None = None
    elicit: Elicit | None = None
    progress: ToolProgress | None = None
    sent: list[SentRequest] = field(default_factory=list)
    planned: list[Planned] = field(default_factory=list)
    traffic_bytes: int = 0
    judging: asyncio.Lock = field(default_factory=asyncio.Lock)
    _deadline: float | None = None

    @property
    def deadline(self) -> float:
        """When the run ends, by the clock of the event loop.

        The time begins when this is first read, a little later than in the worker. The worker ends
        whatever is late; this deadline only keeps the host from beginning actions in vain.
        """
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self.limits.wall_seconds
        return self._deadline

    def count_request(self, size_bytes: int) -> None:
        """Add a request to the traffic of the run.

        Raises:
            RequestRefused: the request would take the run over its limit of traffic.
        """
        if self._is_over(size_bytes):
            raise RequestRefused(self._over)
        self.traffic_bytes += size_bytes

    def reserve(self, size_bytes: int) -> None:
        """Add a part of an answer to the traffic of the run, before it is read.

        Raises:
            HttpError: the part would take the run over its limit of traffic.
        """
        if self._is_over(size_bytes):
            raise HttpError(self._over, kind="too_large")
        self.traffic_bytes += size_bytes

    def give_back(self, size_bytes: int) -> None:
        """Take what was reserved and did not come off the traffic of the run."""
        self.traffic_bytes -= size_bytes

    def _is_over(self, size_bytes: int) -> bool:
        return self.traffic_bytes + size_bytes > self.limits.traffic_bytes

    @property
    def _over(self) -> str:
        return (
            f"the requests and responses of this call have over {self.limits.traffic_bytes:,} "
            "bytes together; ask for fewer or smaller things, or spread the work over several "
            "calls"
        )
