"""The service of one `CodeMode`: `search` and `execute` over its documents, tools and workers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from pymode.actions.context import Elicit, ToolProgress
from pymode.answers.prompts import Facts
from pymode.apis.identity import Tokens, hide, identify
from pymode.apis.openapi import OpenAPI
from pymode.call.approver import Approver
from pymode.call.journal import Journal
from pymode.call.kept import KeptResults
from pymode.call.loading import (
    Progress,
    find_documents,
    make_policy,
    open_stores,
    prepare,
)
from pymode.call.request import CallSettings, Scope, check_source
from pymode.call.result import Result
from pymode.call.run import Run
from pymode.call.shared import Policy, Prepared, Shared
from pymode.errors import ConfigError
from pymode.limits import Limits
from pymode.log import Kept
from pymode.namespaces import Kind
from pymode.sandbox.image import Image, cache_key
from pymode.sandbox.pool import Pool
from pymode.tools.toolbox import Toolbox

# The longest that a client waits for the list of the two tools, whose descriptions count the tools
# of each namespace.
SURVEY_SECONDS = 3.0
ACCOUNT_ID = re.compile(r"[\w.-]{1,100}", re.ASCII)


class Service:
    """Runs `search` and `execute`, each call from the same clean state.

    `CodeMode` builds it. The server and the agent functions use no more than this.

    Args:
        shared: what all calls share.
        workers: the number of sandbox processes.
        dry_run: whether `execute` holds writes back, if a call does not say.
    """

    def __init__(self, shared: Shared, workers: int, *, dry_run: bool) -> None:
        self._shared = shared
        self._workers = workers
        self._dry_run = dry_run
        self._prepared: Prepared | None = None
        self._preparing = asyncio.Lock()
        # What calls still use, and what closes it once they have ended.
        self._retiring: dict[asyncio.Task[None], Prepared] = {}

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
        for task, retiring in list(self._retiring.items()):
            task.cancel()
            await retiring.close()
        if self._prepared is not None:
            await self._prepared.close()
        await self._shared.toolbox.aclose()
        await self._shared.http.aclose()
        await self._shared.database.close()

    @property
    def image(self) -> Image | None:
        """The sandbox image; None before `prepare`."""
        return self._prepared.image if self._prepared else None

    @property
    def pool(self) -> Pool | None:
        """The workers; None before `prepare`."""
        return self._prepared.pool if self._prepared else None

    @property
    def names(self) -> tuple[str, ...]:
        """What the code calls the namespaces, APIs first."""
        return self._shared.names

    @property
    def name(self) -> str:
        """What the code calls the first namespace."""
        return self.names[0]

    @property
    def apis(self) -> tuple[OpenAPI, ...]:
        """The APIs, in the order in which they were given."""
        return self._shared.apis

    @property
    def toolbox(self) -> Toolbox:
        """The functions and MCP servers."""
        return self._shared.toolbox

    @property
    def limits(self) -> Limits:
        """What each call may use."""
        return self._shared.limits

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """What each namespace is, by its name."""
        kinds: dict[str, Kind] = {api.name: "api" for api in self.apis}
        return kinds | {name: source.kind for name, source in self.toolbox.sources.items()}

    async def survey(self) -> list[Facts]:
        """Return the namespaces with the number of their operations or tools, if it is known."""
        counts: dict[str, int | None] = {}
        if self.image is not None:
            counted = zip(self.apis, self.image.documents, strict=True)
            counts = {api.name: document.operations for api, document in counted}
        if self.toolbox.sources:
            catalog = await self.toolbox.catalog(SURVEY_SECONDS)
            counts |= {
                name: None if name in catalog.failures else len(tools)
                for name, tools in catalog.tools.items()
            }
        return [Facts(name, kind, counts.get(name)) for name, kind in self.kinds.items()]

    @property
    def has_token(self) -> bool:
        """Whether calls that bring no token of their own use a token of this object."""
        return any(api.auth is not None for api in self.apis)

    @property
    def identity(self) -> Mapping[str, str]:
        """What must be the same when a paused call goes on, each with its name for errors."""
        rules, check = self._shared.rules, self._shared.check
        return {
            "API": " ".join(f"{api.name} {api.base_url}" for api in self.apis),
            "set of tools": " ".join(self.toolbox.sources),
            "document": self.image.key if self.image else "",
            "set of rules": f"{rules!r} {check} {self._dry_run}",
        }

    async def prepare(self, progress: Progress | None = None) -> None:
        """Load the specs, make or open their image and start the workers; later calls do nothing.

        `search` and `execute` call it. It takes some seconds when a spec is first used.

        Args:
            progress: called with a fraction from 0 to 1 and a sentence.

        Raises:
            SpecError: the spec cannot be found or understood.
            ImageError: the image cannot be made or opened.
            SandboxError: no worker comes up.
        """
        await self._ready(progress)

    async def reload(self, progress: Progress | None = None) -> bool:
        """Load the specs again where they have changed, beside those that calls use now.

        Calls that have begun end with the old ones, later calls use the new ones. After an error
        all calls go on with the old ones.

        Args:
            progress: called with a fraction from 0 to 1 and a sentence.

        Returns:
            Whether a spec has changed.

        Raises:
            SpecError: a spec cannot be found or understood.
            ConfigError: a rule names a tag or an operation that no spec has any more.
            ImageError: the image cannot be made or opened.
            SandboxError: no worker comes up.
        """
        before = await self._ready(progress)
        async with self._preparing:
            found = await find_documents(self._shared, progress)
            if await asyncio.to_thread(cache_key, found) == before.image.key:
                return False
            after = await prepare(self._shared, found, self._workers, progress)
            try:
                await after.find_policy(self._make_policy)
            except BaseException:
                await after.close()
                raise
            self._prepared = after
            task = asyncio.create_task(before.retire())
            self._retiring[task] = before
            task.add_done_callback(self._retiring.pop)
            return True

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
            code: an async Python function without required parameters. In scope are `specs`, `spec`
                if there is exactly one, `tools`, `state`, and `results`: the results of earlier
                calls that were too large for their answers.
            token: the token that owns state and results, in place of the one given before; it is
                sent nowhere.
            progress: see `prepare`.
            keep: whether this caller has state and kept results. False for a caller without a
                token, if there may be other callers.
            session: tells apart the sessions of one token; each has a `state` of its own.

        Raises:
            CodeError: the code was rejected, failed or hit a limit.
            PymodeError: what `prepare` raises, or the sandbox failed.
        """
        # Tracebacks may show locals, so no frame keeps the token as plain text.
        token = hide(token)
        check_source(code, self.limits)
        scope = Scope(
            specs=tuple(api.name for api in self.apis),
            absent=self.names,
            on_demand=self._shared.on_demand,
        )
        caller = identify(self.apis, token)
        prepared = await self._ready(progress)
        with prepared.in_use():
            owner = prepared.find_owner(caller)
            call = CallSettings("search", code, caller, owner, scope, session=session, keep=keep)
            # A search sends nothing, so it does not wait until the host has read the documents.
            policy = Policy(self._shared.rules, ())
            return await Run(self._shared, prepared, policy, call).finish()

    async def list_results(self, *, token: Tokens = None) -> list[Kept]:
        """Return the results that are kept for a token, newest first.

        Args:
            token: the token, in place of the one given before.

        Raises:
            LogError: the results cannot be read.
            PymodeError: what `prepare` raises.
        """
        return await (await self._open_kept(token)).list()

    async def read_result(self, name: str, *, token: Tokens = None) -> str | None:
        """Return the JSON of a result that is kept for a token, or None if there is none.

        Args:
            name: the name that an answer gave, such as "r_mfzwizltoqxg4zlx".
            token: the token, in place of the one given before.

        Raises:
            LogError: the result cannot be read.
            PymodeError: what `prepare` raises.
        """
        return await (await self._open_kept(token)).read(name)

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
            dry_run: whether only reads are sent, and writes are answered with examples and listed
                in `planned`; None for the default of this object.
            progress: see `prepare`.
            approver: asks a person about actions that need approval; without one they are refused.
            journal: the journal of a call that paused, with the answers settled.
            keep: see `search`.
            session: see `search`.
            elicit: asks the person what an MCP server wants to know; see `Context`.
            tool_progress: is told how far a tool is; see `Context`.

        Raises:
            Paused: the approver will answer later; go on with its journal.
            ApprovalError: nobody could be asked, or the code ran differently after the answer.
            CodeError: the code was rejected, failed or hit a limit.
            ConfigError: a spec names no server and no `base_url` was given.
            PymodeError: what `prepare` raises, or the sandbox failed.
        """
        # Tracebacks may show locals, so no frame keeps the token as plain text.
        token = hide(token)
        if account_id is not None and not ACCOUNT_ID.fullmatch(account_id):
            msg = "account_id must be an identifier of up to 100 letters, digits, _, - and ."
            raise ConfigError(msg)
        check_source(code, self.limits)
        caller = identify(self.apis, token)
        prepared = await self._ready(progress)
        if journal is None and self.apis:
            known = self._shared.accounts.get(caller.secret)
            journal = Journal(account_id=account_id or self.apis[0].account_id or known)
        with prepared.in_use():
            policy = await prepared.find_policy(self._make_policy)
            # An API without a base URL is an error before the code runs, not in the middle of it.
            for api in self.apis:
                prepared.find_base_url(api.name)
            names = tuple(api.name for api in self.apis)
            scope = Scope(
                specs=names,
                apis=names,
                tools=await self.toolbox.find_mentioned(code),
                on_demand=self._shared.on_demand,
            )
            call = CallSettings(
                "execute",
                code,
                caller,
                prepared.find_owner(caller),
                scope,
                session=session,
                keep=keep,
                dry_run=self._dry_run if dry_run is None else dry_run,
                journal=journal or Journal(),
                approver=approver,
                elicit=elicit,
                progress=tool_progress,
            )
            return await Run(self._shared, prepared, policy, call).finish()

    async def _ready(self, progress: Progress | None) -> Prepared:
        if self._prepared is not None:
            return self._prepared
        async with self._preparing:
            # Another call may have prepared everything while this one waited for the lock.
            if self._prepared is None:
                found = await find_documents(self._shared, progress)
                await open_stores(self._shared)
                self._prepared = await prepare(self._shared, found, self._workers, progress)
            return self._prepared

    async def _make_policy(self, image: Image) -> Policy:
        return await make_policy(self._shared, image)

    async def _open_kept(self, token: Tokens) -> KeptResults:
        caller = identify(self.apis, hide(token))
        # The owner depends on the base URLs, some of which only the documents may name.
        prepared = await self._ready(None)
        return self._shared.find_kept(caller, prepared.find_owner(caller))
