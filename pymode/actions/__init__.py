"""Host namespaces: what the code in the guest may reach through the host, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Namespace", "Planned", "SentRequest"]


@dataclass(frozen=True, slots=True)
class SentRequest:
    """One request that a call made, for the record.

    Args:
        method: such as "GET".
        path: below the base URL, without the query.
        status: the HTTP status; None when no answer came back.
        seconds: from sending to the end of the answer.
        arrived: False only when surely nothing was sent.
        write: whether it may change something; None leaves that to the method.
    """

    method: str
    path: str
    status: int | None
    seconds: float
    arrived: bool = True
    write: bool | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """A write that a dry run did not send.

    Args:
        method: such as "POST".
        path: below the base URL, without the query.
        body: its text, without the token and cut; "" for none.
    """

    method: str
    path: str
    body: str


class Namespace(Protocol):
    """One object in the scope of the code, such as `cloudflare`, answered by the host."""

    sent: list[SentRequest]
    planned: list[Planned]

    @property
    def name(self) -> str:
        """The name that the code uses."""

    async def request(self, payload: str) -> str:
        """Answer one request of the guest; bad input gets an error head, never an exception."""
