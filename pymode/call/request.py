"""What one call of `search` or `execute` was asked to do, and with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pymode.actions.context import Elicit, ToolProgress
from pymode.apis.identity import Identity
from pymode.call.approver import Approver
from pymode.call.journal import Journal
from pymode.errors import CodeRejected, LimitExceeded
from pymode.limits import Limits


@dataclass(frozen=True, slots=True)
class Scope:
    """The names that are in scope for the code.

    Args:
        specs: the names of the documents, in the order of the image.
        apis: the names of the APIs that the code may call.
        tools: the namespaces of tools that the code may call, each with the descriptions of the
            tools that the code mentions.
        absent: the namespaces that exist only in `execute`; a search that uses one is told so.
        on_demand: the names whose values the guest asks for only if the code reads them.
    """

    specs: tuple[str, ...] = ()
    apis: tuple[str, ...] = ()
    tools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    on_demand: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallSettings:
    """One call of `search` or `execute`.

    Args:
        tool: which of the two it is.
        code: the code as it came.
        caller: the credentials of the caller.
        owner: the digest under which results, state and approvals of the caller are kept.
        scope: the names that are in scope for the code.
        session: tells apart the sessions of one caller.
        keep: whether the caller has state and kept results.
        dry_run: whether writes are held back.
        journal: the journal of a call that paused, or a new one.
        approver: asks a person during the call; None if nobody can be asked.
        elicit: asks the person what an MCP server wants to know; None if nobody can be asked.
        progress: is told how far a tool is; None if nobody listens.
    """

    tool: Literal["search", "execute"]
    code: str
    caller: Identity
    owner: bytes
    scope: Scope
    session: str = ""
    keep: bool = True
    dry_run: bool = False
    journal: Journal = field(default_factory=Journal)
    approver: Approver | None = None
    elicit: Elicit | None = None
    progress: ToolProgress | None = None


def check_source(code: str, limits: Limits) -> None:
    """Check the size and the encoding of the code, and nothing else.

    Hostile source is parsed in the sandbox only.

    Raises:
        CodeRejected: the code has half surrogate pairs, so it cannot be written as UTF-8.
        LimitExceeded: the code is longer than `limits.source_bytes`.
    """
    try:
        size = len(code.encode())
    except UnicodeEncodeError:
        raise CodeRejected("the code is not valid UTF-8: it holds half surrogate pairs") from None
    if size > limits.source_bytes:
        msg = (
            f"the code has {size:,} bytes; at most {limits.source_bytes:,} are taken. "
            "Send less code"
        )
        raise LimitExceeded(msg, limit="source_bytes")
