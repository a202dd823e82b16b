"""An action: one thing that the code wants done, a request to an API or a call of a tool.

The rules, approvals, dry runs, the log and the journal treat both alike. An action is one value
that passes the layers of `pymode.actions.layers`; each layer may hand on a copy that says more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl

from pymode.documents.operation import Operation
from pymode.http.media_types import is_json

if TYPE_CHECKING:
    from pymode.http.client import Part

# READ is the method of a tool that changes nothing, and CALL that of any other tool.
TOOL_METHODS = frozenset({"CALL", "READ"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "READ"})
# A larger body is sent unchecked: parsing it would take ten times its size in the host's memory.
MAX_CHECKED_BODY_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as the code asks for it: well formed, with a path that nobody has checked.

    Args:
        method: in upper case.
        path: as the code wrote it; it may hold a query.
        query: names and values, not encoded.
        headers: checked, names in lower case, with the content type.
        content: the body, or None.
        files: the parts of a multipart body, or None.
    """

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    files: Sequence[Part] | None = None


# Without slots, because cached properties need a `__dict__`.
@dataclass(frozen=True)
class Action:
    """One thing that the code wants done.

    Args:
        method: of a request, such as "GET"; of a tool, "READ" or "CALL".
        path: of a request, below the base URL, percent-encoded as it is sent, without the query;
            of a tool, such as "/db/query".
        shown_path: the path without secrets and of bounded length, for people and the log.
        parameters: the names in the query, or of the arguments; values may be secret.
        graphql: what a GraphQL document does; None if the action is not GraphQL.
        operation: the document's operation for a request, if there is one.
        held_by: the rule that asks for a person's approval; "" if none does.
        approval: how a person approved the action, for the log; "" if nobody had to.
    """

    method: str
    path: str
    shown_path: str = ""
    parameters: tuple[str, ...] = ()
    graphql: Literal["read", "write"] | None = None
    operation: Operation | None = None
    held_by: str = ""
    approval: str = ""

    @property
    def is_write(self) -> bool:
        """Whether the action may change something."""
        if self.method.upper() in SAFE_METHODS:
            return self.graphql == "write"
        return not (self.method.upper() == "POST" and self.graphql == "read")

    @property
    def size_bytes(self) -> int:
        """About how much has to be read to judge the action."""
        return len(self.path)

    @property
    def nothing_happened(self) -> str:
        """What to say when the action was refused before anything happened."""
        return "nothing was called" if self.method in TOOL_METHODS else "nothing was sent"


@dataclass(frozen=True)
class RequestAction(Action):
    """A request to an API.

    Args:
        request: the request as the code asked for it.
        url: the URL that it is sent to, with the query.
        query: the query as it is sent, percent-encoded; it includes the query that the code wrote
            into the path.
    """

    request: Request = field(kw_only=True)
    url: str = field(kw_only=True, default="")
    query: str = field(kw_only=True, default="")

    @property
    def size_bytes(self) -> int:
        """About how much has to be read to judge the request; files are not looked into."""
        files = self.request.files or ()
        return len(self.path) + len(self.query) + len(self.request.content or b"") + len(files)

    @property
    def repeatable(self) -> bool | None:
        """Whether the request may be sent twice; None leaves that to the method.

        A GET with a GraphQL mutation may not be sent twice.
        """
        return False if self.is_write and self.method in ("GET", "HEAD") else None

    @cached_property
    def query_pairs(self) -> list[tuple[str, str]]:
        """The names and values of the query as it is sent, decoded."""
        return parse_qsl(self.query, keep_blank_values=True)

    @cached_property
    def content_type(self) -> str:
        """The content type of the body; "" without a body."""
        if self.request.files:
            return "multipart/form-data"
        if self.request.content is None:
            return ""
        return self.request.headers.get("content-type", "")

    @cached_property
    def body(self) -> Any:
        """The parsed body, or None if it is not JSON, too large to check, or damaged."""
        content = self.request.content
        media_type = self.content_type.partition(";")[0].strip().lower()
        if content is None or len(content) > MAX_CHECKED_BODY_BYTES or not is_json(media_type):
            return None
        try:
            return json.loads(content)
        # The code is hostile: JSON that is nested deeply enough exceeds Python's recursion limit.
        except (ValueError, RecursionError):
            return None
