"""What a host call is answered with: a value, the response of an API, or a failure.

A written reply is one line of JSON, the head, then a line feed and the body:

    {"ok": true}\\n[1, 2]
    {"status": 200, "kind": "json", "content_type": "application/json"}\\n{"success": true}
    {"error": {"kind": "rule", "message": "…"}}\\n

The host never parses the body: the guest does that, under its own limits.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

BodyKind: TypeAlias = Literal["json", "text", "bytes", "empty"]
"""How a body is written: as it came, as text, in base64, or not at all."""


class FailureKind(enum.StrEnum):
    """Why there is no value. The guest chooses its exception by it."""

    ACCOUNT = "account"  # there is no account, or more than one
    ARGUMENTS = "arguments"  # a tool does not take these arguments
    BROKEN = "broken"  # the answer broke off
    CONNECTION = "connection"
    ENCODING = "encoding"  # the answer is compressed in a way that cannot be read
    INTERNAL = "internal"  # a bug of pymode
    LIMIT = "limit"  # the call has used up what it may
    MISSING = "missing"  # there is no such result
    REFUSED = "refused"  # the host does not do this
    RULE = "rule"  # a rule of the operator forbids it
    STATE = "state"
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    TOOL = "tool"  # the tool itself failed
    UNKNOWN = "unknown"  # there is no such tool
    UNREADABLE = "unreadable"  # what was kept cannot be read


@dataclass(frozen=True, slots=True)
class Failure:
    """No value, and why.

    Args:
        kind: what the guest chooses its exception by.
        message: what happened and what to do, for the author of the code.
        status: the HTTP status, where the API had sent one before it failed.
    """

    kind: FailureKind
    message: str
    status: int | None = None

    def write(self) -> str:
        """Return the reply as text."""
        head: dict[str, object] = {"error": {"kind": self.kind, "message": self.message}}
        if self.status is not None:
            head["status"] = self.status
        return json.dumps(head) + "\n"


INTERNAL_FAILURE = Failure(FailureKind.INTERNAL, "pymode failed to answer; a bug")
"""The reply for an unexpected exception: it is in the log, and its text is not for the guest."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value.

    Args:
        content: JSON, or "" where nothing but success is to be told.
        notes: sentences that the guest prints.
        dry_run: whether nothing was carried out, so that the value is only an example.
    """

    content: str = ""
    notes: Sequence[str] = ()
    dry_run: bool = False

    def write(self) -> str:
        """Return the reply as text."""
        head: dict[str, object] = {"ok": True}
        if self.notes:
            head["notes"] = list(self.notes)
        if self.dry_run:
            head["dry_run"] = True
        return f"{json.dumps(head)}\n{self.content}"


@dataclass(frozen=True, slots=True)
class APIResponse:
    """The response of an API, without the token.

    Args:
        status: the HTTP status.
        kind: how `body` is written.
        body: as text.
        content_type: of the response.
        headers: the other headers that the guest may see, under the names of the head.
        note: a sentence for the reader of the error, if the status is one.
    """

    status: int
    kind: BodyKind
    body: str = ""
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    def write(self) -> str:
        """Return the reply as text."""
        head: dict[str, object] = {"status": self.status, "kind": self.kind}
        head["content_type"] = self.content_type
        # The status and the kind are the host's own: no header takes their place.
        head = dict(self.headers) | head
        if self.note:
            head["note"] = self.note
        return f"{json.dumps(head)}\n{self.body}"


Reply: TypeAlias = Failure | Value | APIResponse
