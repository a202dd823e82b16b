"""`CodeMode`, the public object: whole APIs, functions and MCP servers behind two operations."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pymode.agents import AgentTool, make_tools
from pymode.apis.auth import Secret, hide_secret
from pymode.apis.openapi import OpenAPI, read_apis
from pymode.call.loading import Progress
from pymode.call.service import Service
from pymode.call.shared import Shared
from pymode.call.state import States
from pymode.errors import ConfigError
from pymode.http.client import Http
from pymode.limits import Limits
from pymode.log import Database, Log, Retention
from pymode.log.approvals import Approvals
from pymode.policy.guard import Check
from pymode.policy.rules import Rules
from pymode.tools.sources import gather_sources
from pymode.tools.toolbox import Toolbox

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

    from pymode.tools.mcp import ServerSource

__all__ = ["CodeMode", "Progress"]

# More workers than this need more callers than one model.
MAX_WORKERS = 8


class CodeMode(Service):
    """Whole APIs behind two operations; both run Python code in a fresh sandbox for each call.

    Args:
        apis: OpenAPI documents, each as `OpenAPI(…)` or as what its `spec` may be; Cloudflare's
            where nothing is given at all.
        functions: Python functions that the code may call, by the name of their namespace.
        mcp: MCP servers by name: a URL, a command, a server object of this process; or the
            `mcpServers` JSON of MCP clients, as a file or as what is in it.
        token: of the only API; see `OpenAPI`.
        name: of the only API; see `OpenAPI`.
        base_url: of the only API; see `OpenAPI`.
        account_id: of the only API; see `OpenAPI`.
        limits: what each call may use.
        workers: the number of sandbox processes; by default one for each CPU, at most 8.
        rules: which requests may be sent, and which tools may be called; by default all.
        check: whether what a document knows explains refusals of its API ("warn"), refuses
            requests before they are sent ("strict"), or is left aside ("off").
        dry_run: what `execute` does where it is not told.
        log: the file of the log; None records nothing, and keeps large results in memory.
        retention: how long and how much the log keeps.

    Use it as an asynchronous context manager:

        async with CodeMode("cloudflare", token=token) as cm:
            result = await cm.search("async def main(): return len(spec['paths'])")

    Raises:
        ConfigError: two namespaces have one name, or something given cannot be used.
    """

    def __init__(
        self,
        *apis: str | Path | Mapping[str, object] | OpenAPI,
        functions: Mapping[str, Iterable[Callable[..., Any]]] | None = None,
        mcp: Mapping[str, ServerSource] | str | Path | None = None,
        token: Secret | None = None,
        name: str | None = None,
        base_url: str | None = None,
        account_id: str | None = None,
        limits: Limits | None = None,
        workers: int | None = None,
        rules: Rules | None = None,
        check: Check = "warn",
        dry_run: bool = False,
        log: str | Path | None = None,
        retention: Retention | None = None,
    ) -> None:
        # Tracebacks may show locals, so no frame keeps the token as plain text.
        token = hide_secret(token)
        if not apis and not functions and not mcp:
            apis = ("cloudflare",)
        given = read_apis(apis, token=token, name=name, base_url=base_url, account_id=account_id)
        toolbox = Toolbox(gather_sources(functions, mcp))
        limits = limits or Limits()
        database = Database(Path(log) if log else None, retention)
        shared = Shared(
            apis=given,
            toolbox=toolbox,
            limits=limits,
            rules=rules or Rules(),
            check=check,
            database=database,
            log=Log(database),
            approvals=Approvals(database) if log else None,
            http=Http(response_bytes=limits.response_bytes, wall_seconds=limits.wall_seconds),
            states=States(limits.state_bytes),
        )
        if twice := {name for name in shared.names if shared.names.count(name) > 1}:
            msg = f"two namespaces are called {min(twice)!r}; give one of them another name"
            raise ConfigError(msg)
        workers = workers or min(os.cpu_count() or 1, MAX_WORKERS)
        super().__init__(shared, workers, dry_run=dry_run)

    def tools(self, *, max_tokens: int = 6_000) -> list[AgentTool]:
        """`search` and `execute` as plain asynchronous functions that agent frameworks take.

        Each takes the code and returns text, with type hints and a docstring for the model.

        Args:
            max_tokens: budget of one answer.
        """
        return make_tools(self, max_tokens)

    def mcp_server(self, *, max_tokens: int = 6_000) -> Server[None]:
        """An MCP server of this process with the tools `search` and `execute`.

        Args:
            max_tokens: budget of one answer.
        """
        from pymode.server import make_server

        return make_server(self, max_tokens=max_tokens)
