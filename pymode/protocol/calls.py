"""What the host tells the guest to run, and the outcome that it gets back.

The request is one line of JSON. The outcome is one line of JSON and then the value as JSON:

    {"ok": true, "notes": ["…"]}\\n[1, 2]
    {"error": "rejected" | "raised" | "result" | "limit", "message": "…", "limit": "…"}\\n
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pymode.limits import Limits
from pymode.protocol.frames import ProtocolError


@dataclass(frozen=True, slots=True)
class CallRequest:
    """What to run, and what it finds by name.

    Args:
        code: as the model wrote it; the host does not parse it.
        limits: of the call.
        specs: what the documents are called, in the order of the image.
        apis: the namespaces of APIs.
        tools: the namespaces of tools, each with the descriptions that go along, by name.
        absent: namespaces that are there in the other operation only.
        on_demand: names whose values the guest asks for if the code reads them.
        account_id: the account, where it is known.
    """

    code: str
    limits: Limits
    specs: Sequence[str] = ()
    apis: Sequence[str] = ()
    tools: Mapping[str, Mapping[str, Any]] | None = None
    absent: Sequence[str] = ()
    on_demand: Sequence[str] = ()
    account_id: str | None = None

    def write(self) -> str:
        """Return the request as one line of JSON."""
        return json.dumps(
            {
                "code": self.code,
                "specs": self.specs,
                "apis": self.apis,
                "tools": self.tools or {},
                "absent": self.absent,
                "on_demand": self.on_demand,
                "account_id": self.account_id,
                "limits": asdict(self.limits),
            }
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the guest says of its call. All of it is hostile: any value may have any type.

    Args:
        head: with "ok" and "notes", or with "error", "message" and "limit".
        value: the JSON of the value, not parsed.
    """

    head: Mapping[str, Any]
    value: str

    @property
    def is_value(self) -> bool:
        """Whether the code returned something."""
        return self.head.get("ok") is True


def read_outcome(text: str) -> Outcome:
    """Return the outcome of a call.

    Raises:
        ProtocolError: the guest wrote something else.
    """
    line, _, value = text.partition("\n")
    try:
        head = json.loads(line)
    except (ValueError, RecursionError):
        raise ProtocolError("an outcome whose head is not JSON") from None
    if not isinstance(head, dict):
        raise ProtocolError("an outcome whose head is no object")
    return Outcome(head, value)
