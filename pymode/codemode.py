"""The two operations: `search` specs and tools, `execute` code against them."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pymode import documents as specs
from pymode.actions import Namespace
from pymode.agents import AgentTool, make_tools
from pymode.answers.prompts import Facts
from pymode.apis.accounts import KnownAccounts
from pymode.apis.auth import Secret, hide_secret
from pymode.apis.host import Conduct, OpenAPIHost, Traffic
from pymode.apis.identity import Identity, Tokens, hide, identify
from pymode.apis.openapi import OpenAPI, read_apis
from pymode.call import run as runs
from pymode.call.hostcalls import Account, HostCalls
from pymode.call.journal import Journal
from pymode.call.kept import Shelf, find_owner
from pymode.call.replay import Attempt
from pymode.call.result import Result
from pymode.call.state import States
from pymode.errors import ConfigError, LogError
from pymode.http.client import Http
from pymode.limits import Limits
from pymode.log import Database, Kept, Log, OpenCall, Results, Retention
from pymode.log.approvals import Approvals
from pymode.namespaces import Kind
from pymode.policy.approvals import Approver, Gate
from pymode.policy.guard import Check, Guard
from pymode.policy.rules import Rules
from pymode.sandbox.image import Image, open_image
from pymode.sandbox.pool import Pool
from pymode.tools.host import ToolConduct, ToolsHost
from pymode.tools.sources import gather_sources
from pymode.tools.tool import Elicit, ToolProgress
from pymode.tools.toolbox import Toolbox

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

    from pymode.tools.mcp import ServerSource

Progress = Callable[[float, str], None]

# More workers than this need more callers than one model.
MOST_WORKERS = 8
# A client that lists the two tools waits no longer for the numbers in their descriptions.
SURVEY_SECONDS = 3.0
ACCOUNT_ID = re.compile(r"[\w.-]{1,100}", re.ASCII)

_log = logging.getLogger(__name__)


class CodeMode:
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
        # No frame keeps the token as it is: tracebacks may show their locals.
        token = hide_secret(token)
        if not apis and not functions and not mcp:
            apis = ("cloudflare",)
        self._apis = read_apis(
            apis, token=token, name=name, base_url=base_url, account_id=account_id
        )
        self._tools = Toolbox(gather_sources(functions, mcp))
        self.names = (*(api.name for api in self._apis), *self._tools.sources)
        if twice := {name for name in self.names if self.names.count(name) > 1}:
            msg = f"two namespaces are called {min(twice)!r}; give one of them another name"
            raise ConfigError(msg)
        self._limits = limits or Limits()
        self._workers = workers or min(os.cpu_count() or 1, MOST_WORKERS)
        self._rules = rules or Rules()
        self._check = check
        self._dry_run = dry_run
        self._database = Database(Path(log) if log else None, retention)
        self._log = Log(self._database)
        # Given in another process, so they need a file.
        self._approvals = Approvals(self._database) if log else None
        self._judges: tuple[Rules, list[Guard]] | None = None
        self._preparing = asyncio.Lock()
        self._image: Image | None = None
        self._pool: Pool | None = None
        self._http = Http(
            response_bytes=self._limits.response_bytes, wall_seconds=self._limits.wall_seconds
        )
        self._accounts = KnownAccounts()
        self._states = States(self._limits.state_bytes)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the workers, the connections and the tools."""
        if self._pool is not None:
            await self._pool.close()
        await self._tools.aclose()
        await self._http.aclose()
        await self._database.close()

    @property
    def image(self) -> Image | None:
        """The sandbox image; None before `prepare`."""
        return self._image

    @property
    def pool(self) -> Pool | None:
        """The workers; None before `prepare`."""
        return self._pool

    @property
    def name(self) -> str:
        """What the code calls the first namespace."""
        return self.names[0]

    @property
    def apis(self) -> tuple[OpenAPI, ...]:
        """The APIs, in the order in which they were given."""
        return self._apis

    @property
    def toolbox(self) -> Toolbox:
        """The functions and MCP servers."""
        return self._tools

    @property
    def limits(self) -> Limits:
        """What each call may use."""
        return self._limits

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """What each namespace is, by its name."""
        kinds: dict[str, Kind] = {api.name: "api" for api in self._apis}
        return kinds | {name: source.kind for name, source in self._tools.sources.items()}

    async def survey(self) -> list[Facts]:
        """What there is, with the number of operations and tools as far as it is known."""
        counts: dict[str, int | None] = {}
        if self._image is not None:
            documents = zip(self._apis, self._image.documents, strict=True)
            counts = {api.name: document.operations for api, document in documents}
        if self._tools.sources:
            catalog = await self._tools.catalog(SURVEY_SECONDS)
            counts |= {
                name: None if name in catalog.failures else len(tools)
                for name, tools in catalog.tools.items()
            }
        return [Facts(name, kind, counts.get(name)) for name, kind in self.kinds.items()]

    @property
    def has_token(self) -> bool:
        """Whether calls that bring no token of their own use one of this object."""
        return any(api.auth is not None for api in self._apis)

    @property
    def identity(self) -> Mapping[str, str]:
        """What a paused call must find unchanged, by what an error calls it."""
        return {
            "API": " ".join(f"{api.name} {api.base_url}" for api in self._apis),
            "set of tools": " ".join(self._tools.sources),
            "document": self._image.path.name if self._image else "",
            "set of rules": f"{self._rules!r} {self._check} {self._dry_run}",
        }

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

    async def prepare(self, progress: Progress | None = None) -> None:
        """Load the specs, build or open their image and start the workers; later calls do nothing.

        `search` and `execute` call it. The first time a spec is used it takes about half a minute.

        Args:
            progress: called with a fraction from 0 to 1 and a sentence.

        Raises:
            SpecError: the spec cannot be found or understood.
            ImageError: the image cannot be built or opened.
            SandboxError: no worker comes up.
        """
        await self._ready(progress)

    async def search(
        self,
        code: str,
        *,
        token: Tokens = None,
        progress: Progress | None = None,
        keep: bool = True,
        session: str = "",
    ) -> Result:
        """Run code over the specs and the descriptions of tools; it can call nothing.

        Args:
            code: an async Python function without required parameters; `specs` is in scope, `spec`
                where there is one, `tools`, `state`, and `results`: those of earlier calls that
                were too large for their answers.
            token: whose results these are, in place of the one given before; it is sent nowhere.
            progress: see `prepare`.
            keep: whether this caller has state and results of earlier calls, and a large one is
                kept. Not for a caller without a token beside whom there may be others.
            session: tells apart the sessions of one token; each has a `state` of its own.

        Raises:
            CodeError: the code was rejected, failed or hit a limit.
            PymodeError: what `prepare` raises, or the sandbox failed.
        """
        token = hide(token)
        caller = identify(self._apis, token)
        scope = runs.Scope(
            specs=tuple(api.name for api in self._apis),
            absent=self.names,
            on_demand=self._on_demand,
        )

        def make_host_calls(_call: OpenCall, _attempt: Attempt | None) -> HostCalls:
            return self._host_calls(caller, session, keep=keep)

        run = await self._make_run(
            "search", code, scope, make_host_calls, caller, progress, keep=keep
        )
        return await run.finish(await self._ready(None))

    async def list_results(self, *, token: Tokens = None) -> list[Kept]:
        """The results kept for a token, newest first.

        Args:
            token: in place of the one given before.

        Raises:
            LogError: they cannot be read.
            PymodeError: what `prepare` raises.
        """
        return await (await self._open_shelf(token)).list()

    async def read_result(self, name: str, *, token: Tokens = None) -> str | None:
        """The JSON of a result that was kept for a token; None where it has none of that name.

        Args:
            name: as an answer gave it, such as "r_mfzwizltoqxg4zlx".
            token: in place of the one given before.

        Raises:
            LogError: it cannot be read.
            PymodeError: what `prepare` raises.
        """
        return await (await self._open_shelf(token)).read(name)

    async def execute(
        self,
        code: str,
        *,
        token: Tokens = None,
        account_id: str | None = None,
        dry_run: bool | None = None,
        progress: Progress | None = None,
        approver: Approver | None = None,
        journal: Journal | None = None,
        keep: bool = True,
        session: str = "",
        elicit: Elicit | None = None,
        tool_progress: ToolProgress | None = None,
    ) -> Result:
        """Run code that may send requests to the APIs and call the tools.

        Args:
            code: as for `search`; each namespace is in scope by its name, such as `cloudflare`,
                and `account_id`.
            token: for this call, in place of those given before.
            account_id: for this call, in place of the one given before.
            dry_run: send reads only; writes are answered with stand-ins and listed in `planned`.
            progress: see `prepare`.
            approver: asked before requests that need it; without one they are refused.
            journal: of a call that paused, with the answers settled.
            keep: see `search`.
            session: see `search`.
            elicit: asks the person what an MCP server wants to know; see `Surroundings`.
            tool_progress: hears how far an MCP server is; see `Surroundings`.

        Raises:
            Paused: the approver will answer later; go on with its journal.
            ApprovalError: nobody could be asked, or the code ran differently after the answer.
            CodeError: the code was rejected, failed or hit a limit.
            ConfigError: a spec names no server and no `base_url` was given.
            PymodeError: what `prepare` raises, or the sandbox failed.
        """
        if account_id is not None and not ACCOUNT_ID.fullmatch(account_id):
            msg = "account_id must be an identifier of up to 100 letters, digits, - and _"
            raise ConfigError(msg)
        token = hide(token)
        caller = identify(self._apis, token)
        await self._ready(progress)
        rules, guards = await self._judge()
        journal = journal or Journal()
        if journal.is_new and self._apis:
            known = self._accounts.get(caller.secret)
            journal.account_id = account_id or self._apis[0].account_id or known
        dry = self._dry_run if dry_run is None else dry_run
        servers = [self._server(index) for index in range(len(self._apis))]

        def make_host_calls(call: OpenCall, attempt: Attempt | None) -> HostCalls:
            gate = Gate(attempt, self._approvals, self._find_owner(caller).hex())
            record = (self._log, call)
            traffic = Traffic()
            hosts: dict[str, Namespace] = {}
            account: Account | None = None
            for api, server, guard in zip(self._apis, servers, guards, strict=True):
                conduct = Conduct(guard, dry, record, gate=gate, traffic=traffic)
                auth = caller.auths[api.name]
                host = OpenAPIHost(api.name, server, auth, self._http, self._limits, conduct)
                account = account or Account(host, self._accounts, caller.secret)
                hosts[api.name] = host
            conducting = ToolConduct(rules, dry, record, gate, elicit, tool_progress)
            for name in self._tools.sources:
                hosts[name] = ToolsHost(name, self._tools, self._limits, conducting)
            return self._host_calls(
                caller, session, keep=keep, hosts=hosts, account=account, traffic=traffic
            )

        scope = runs.Scope(
            specs=tuple(api.name for api in self._apis),
            apis=tuple(api.name for api in self._apis),
            tools=await self._tools.find_mentioned(code),
            on_demand=self._on_demand,
        )
        run = await self._make_run(
            *("execute", code, scope, make_host_calls, caller, progress, journal, approver),
            keep=keep,
        )
        return await run.finish(await self._ready(None))

    async def _make_run(
        self,
        tool: str,
        code: str,
        scope: runs.Scope,
        make_host_calls: runs.MakeHostCalls,
        caller: Identity,
        progress: Progress | None,
        journal: Journal | None = None,
        approver: Approver | None = None,
        *,
        keep: bool,
    ) -> runs.Run:
        runs.check_source(code, self._limits)
        await self._ready(progress)
        return runs.Run(
            tool,
            code,
            scope,
            make_host_calls,
            self._limits,
            self._shelve(caller, keep=keep),
            self._log,
            ", ".join(self.names),
            self._find_owner(caller),
            caller.redactor.clean,
            journal or Journal(),
            approver,
            may_pause=bool(self._rules.approve),
        )

    async def _judge(self) -> tuple[Rules, list[Guard]]:
        """Return what judges calls; it reads the documents, so only the first execution waits."""
        if self._judges is None and self._image is not None:
            documents = await asyncio.to_thread(self._image.read_operations)
            rules = self._rules.bind([each for operations in documents for each in operations])
            guards = [Guard(operations, rules, self._check) for operations in documents]
            self._judges = rules, guards
        assert self._judges is not None  # noqa: S101 - `_ready` has set the image
        return self._judges

    async def _ready(self, progress: Progress | None) -> Pool:
        if self._pool is not None:
            return self._pool
        async with self._preparing:
            if self._pool is None:
                loaded = [await specs.load(api.spec, progress) for api in self._apis]
                self._image = await open_image(loaded, progress)
                for note in filter(None, (spec.note for spec in loaded)):
                    _log.warning(note)
                try:
                    await self._database.open()
                except LogError as error:
                    # Searches and reads go on; writes are refused until they can be recorded.
                    _log.warning(str(error))
                await self._tools.open()
                pool = Pool(self._image, self._limits, self._workers)
                try:
                    await pool.start()
                except BaseException:
                    await pool.close()
                    raise
                self._pool = pool
            return self._pool

    @property
    def _on_demand(self) -> tuple[str, ...]:
        return ("state", "tools") if self._tools.sources else ("state",)

    def _server(self, index: int) -> str:
        known = self._image.documents[index].base_url if self._image else None
        base_url = self._apis[index].base_url or known
        if base_url is None:
            msg = "the spec names no server; say where the API is with --base-url or base_url="
            raise ConfigError(msg)
        return base_url

    def _find_owner(self, caller: Identity) -> bytes:
        documents = self._image.documents if self._image else ()
        places = [
            f"{api.name} {api.base_url or document.base_url}"
            for api, document in zip(self._apis, documents, strict=True)
        ]
        return find_owner(caller.owner_secret, " ".join([*places, *self._tools.sources]))

    def _host_calls(
        self,
        caller: Identity,
        session: str,
        *,
        keep: bool,
        hosts: Mapping[str, Namespace] | None = None,
        account: Account | None = None,
        traffic: Traffic | None = None,
    ) -> HostCalls:
        own = (self._find_owner(caller), session) if keep else None
        most = self._limits.response_bytes
        return HostCalls(
            *(self._tools, self._states, own, most, hosts or {}, account, self._limits),
            traffic=traffic or Traffic(),
        )

    def _shelve(self, caller: Identity, *, keep: bool) -> Shelf:
        results = Results(self._database, redact=caller.redactor.clean)
        owner = self._find_owner(caller) if keep else None
        return Shelf(results, owner, self._limits.result_bytes)

    async def _open_shelf(self, token: Tokens) -> Shelf:
        token = hide(token)
        caller = identify(self._apis, token)
        # Without its document, the server to which the results belong may be unknown.
        await self._ready(None)
        return self._shelve(caller, keep=True)
