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
    """The names that the code finds.

    Args:
        specs: of the documents, in the order of the image.
        apis: the APIs that the code may call.
        tools: the namespaces of tools that it may call, with the descriptions that it surely needs.
        absent: names that exist only in the other operation.
        on_demand: what the code is given only if it reads it.
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
        tool: which of the two.
        code: as it came.
        caller: who makes the call.
        scope: what the code finds.
        session: tells apart the sessions of one caller.
        keep: whether the caller has state and kept results.
        dry_run: whether writes are held back.
        journal: of a call that paused; new for a new call.
        approver: who can be asked during the call; None for nobody.
        elicit: asks the person what an MCP server wants to know; None where nobody can be asked.
        progress: hears how far a tool is; None where nobody listens.
    """

    tool: Literal["search", "execute"]
    code: str
    caller: Identity
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
        CodeRejected: it is not text.
        LimitExceeded: there is too much of it.
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
