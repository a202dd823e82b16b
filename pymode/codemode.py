"""The two operations: `search` a spec, `execute` code against its API."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from pymode import spec as specs
from pymode.errors import (
    CodeRejected,
    ConfigError,
    LimitExceeded,
    LogError,
    PymodeError,
)
from pymode.hostcalls import HostCalls, refuse
from pymode.hosts.accounts import KnownAccounts
from pymode.hosts.approvals import Approver, Gate, Paused
from pymode.hosts.guard import Check, Guard
from pymode.hosts.journal import Journal
from pymode.hosts.openapi import Conduct, OpenAPIHost
from pymode.hosts.redaction import Redactor
from pymode.hosts.rules import Rules
from pymode.hosts.sent import describe_sent
from pymode.http import Http
from pymode.keeping import Shelf, find_owner
from pymode.limits import Limits
from pymode.log import Database, Kept, Log, OpenCall, Results, Retention
from pymode.log.approvals import Approvals
from pymode.log.text import name_outcome
from pymode.replay import Attempt
from pymode.result import Result, Timings, read_outcome
from pymode.sandbox.image import Image, open_image
from pymode.sandbox.pool import Pool

Progress = Callable[[float, str], None]
MakeHost = Callable[[OpenCall, Attempt | None], OpenAPIHost]

# More workers than this need more callers than one model.
MOST_WORKERS = 8
ACCOUNT_ID = re.compile(r"[\w.-]{1,100}", re.ASCII)

_log = logging.getLogger(__name__)


class CodeMode:
    """A whole API behind two operations; both run Python code in a fresh sandbox for each call.

    Args:
        spec: an OpenAPI document: a file, a URL, the name of a shipped one, or the document.
        token: sent as a bearer token with each request; it never enters the sandbox.
        name: what the code calls the API; by default that of the spec, such as "cloudflare".
        base_url: where requests go; by default the first server of the spec.
        account_id: what the code finds as `account_id`; by default the only account of the token.
        limits: what each call may use.
        workers: the number of sandbox processes; by default one for each CPU, at most 8.
        rules: which requests may be sent; by default all.
        check: whether what the document knows explains refusals of the API ("warn"), refuses
            requests before they are sent ("strict"), or is left aside ("off").
        dry_run: what `execute` does where it is not told.
        log: the file of the log; None records nothing, and keeps large results in memory.
        retention: how long and how much the log keeps.

    `name` is what the code calls the API. Use it as an asynchronous context manager:

        async with CodeMode("cloudflare", token=token) as cm:
            result = await cm.search("async def main(): return len(spec['paths'])")
    """

    def __init__(
        self,
        spec: str | Path | Mapping[str, object] = "cloudflare",
        *,
        token: str | SecretStr | None = None,
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
        token = SecretStr(token) if isinstance(token, str) else token
        self._source = spec
        self._token = token
        self.name = name or specs.name_of(spec)
        self._base_url = base_url
        self._account_id = account_id
        self._limits = limits or Limits()
        self._guest_limits = asdict(self._limits)
        self._workers = workers or min(os.cpu_count() or 1, MOST_WORKERS)
        self._rules = rules or Rules()
        self._check = check
        self._dry_run = dry_run
        self._database = Database(Path(log) if log else None, retention)
        self._log = Log(self._database)
        # Given in another process, so they need a file.
        self._approvals = Approvals(self._database) if log else None
        self._guard: Guard | None = None
        self._preparing = asyncio.Lock()
        self._image: Image | None = None
        self._pool: Pool | None = None
        self._http = Http(
            response_bytes=self._limits.response_bytes, wall_seconds=self._limits.wall_seconds
        )
        self._accounts = KnownAccounts()

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
        """End the workers and the connections."""
        if self._pool is not None:
            await self._pool.close()
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
    def has_token(self) -> bool:
        """Whether calls that bring no token of their own use one of this object."""
        return self._token is not None

    @property
    def identity(self) -> Mapping[str, str]:
        """What a paused call must find unchanged, by what an error calls it."""
        return {
            "API": f"{self.name} {self._base_url}",
            "document": self._image.path.name if self._image else "",
            "set of rules": f"{self._rules!r} {self._check} {self._dry_run}",
        }

    async def prepare(self, progress: Progress | None = None) -> None:
        """Load the spec, build or open its image and start the workers; later calls do nothing.

        `search` and `execute` call it. The first time a spec is used it takes about 20 s.

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
        token: str | SecretStr | None = None,
        progress: Progress | None = None,
        keep: bool = True,
    ) -> Result:
        """Run code over the spec, with no access to the API.

        Args:
            code: an async Python function without required parameters; `spec` is in scope, and
                `results`: those of earlier calls that were too large for their answers.
            token: whose results these are, in place of the one given before; it is sent nowhere.
            progress: see `prepare`.
            keep: whether this caller has results of earlier calls, and a large one is kept. Not
                for a caller without a token beside whom there may be others.

        Raises:
            CodeError: the code was rejected, failed or hit a limit.
            PymodeError: what `prepare` raises, or the sandbox failed.
        """
        secret = token = SecretStr(token) if isinstance(token, str) else token or self._token
        return await self._logged("search", code, progress, None, secret, keep=keep)

    async def list_results(self, *, token: str | SecretStr | None = None) -> list[Kept]:
        """The results kept for a token, newest first.

        Args:
            token: in place of the one given before.

        Raises:
            LogError: they cannot be read.
            PymodeError: what `prepare` raises.
        """
        return await (await self._open_shelf(token)).list()

    async def read_result(self, name: str, *, token: str | SecretStr | None = None) -> str | None:
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
        token: str | SecretStr | None = None,
        account_id: str | None = None,
        dry_run: bool | None = None,
        progress: Progress | None = None,
        approver: Approver | None = None,
        journal: Journal | None = None,
        keep: bool = True,
    ) -> Result:
        """Run code that may send requests to the API.

        Args:
            code: as for `search`; `cloudflare` (the name of the API) and `account_id` are in scope.
            token: for this call, in place of the one given before.
            account_id: for this call, in place of the one given before.
            dry_run: send reads only; writes are answered with stand-ins and listed in `planned`.
            progress: see `prepare`.
            approver: asked before requests that need it; without one they are refused.
            journal: of a call that paused, with the answers settled.
            keep: see `search`.

        Raises:
            Paused: the approver will answer later; go on with its journal.
            ApprovalError: nobody could be asked, or the code ran differently after the answer.
            CodeError: the code was rejected, failed or hit a limit.
            ConfigError: the spec names no server and no `base_url` was given.
            PymodeError: what `prepare` raises, or the sandbox failed.
        """
        if account_id is not None and not ACCOUNT_ID.fullmatch(account_id):
            msg = "account_id must be an identifier of up to 100 letters, digits, - and _"
            raise ConfigError(msg)
        # The text goes with its name: a traceback may show what names hold.
        secret = token = SecretStr(token) if isinstance(token, str) else token or self._token
        await self._ready(progress)
        guard = await self._judge()
        journal = journal or Journal()
        if journal.is_new:
            known = self._accounts.get(secret)
            journal.account_id = account_id or self._account_id or known

        def make_host(call: OpenCall, attempt: Attempt | None) -> OpenAPIHost:
            dry = self._dry_run if dry_run is None else dry_run
            gate = Gate(attempt, self._approvals, self._owner(secret).hex())
            conduct = Conduct(guard, dry, (self._log, call), gate=gate)
            server = self._server()
            return OpenAPIHost(self.name, server, secret, self._http, self._limits, conduct)

        return await self._logged(
            "execute", code, progress, make_host, secret, journal, approver, keep=keep
        )

    async def _logged(
        self,
        tool: str,
        code: str,
        progress: Progress | None,
        make_host: MakeHost | None,
        secret: SecretStr | None = None,
        journal: Journal | None = None,
        approver: Approver | None = None,
        *,
        keep: bool,
    ) -> Result:
        """Run a call between two records, and say in its error what was sent."""
        self._check_source(code)
        await self._ready(progress)
        redact = Redactor(secret).clean
        call = self._log.begin_call(
            tool, code, api=self.name, owner=self._owner(secret), redact=redact
        )
        outcome, message = "cancelled", ""
        journal = journal or Journal()
        shelf = self._shelve(secret, keep=keep)
        used: dict[str, float] = {}
        try:
            result = await self._attempt(code, call, make_host, secret, shelf, journal, approver)
            outcome = "ok"
            used = {"fuel": result.fuel, "printed_chars": len(result.logs)}
            return replace(result, keep=shelf.keeping(result.value, f"a result of {tool}"))
        except PymodeError as error:
            outcome = name_outcome(error)
            if any(request.arrived for request in journal.sent):
                error.args = (f"{error}\n{describe_sent(journal.sent)}", *error.args[1:])
            message = str(error)
            raise
        except asyncio.CancelledError as error:
            if any(request.arrived for request in journal.sent):
                message = describe_sent(journal.sent)
                error.add_note(message)
            raise
        except Exception:
            outcome, message = "failed inside", describe_sent(journal.sent)
            raise
        finally:
            if make_host is not None:
                used["host_calls"] = len(journal.sent)
            self._log.end_call(call, outcome, message=message, used=used)

    async def _attempt(
        self,
        code: str,
        call: OpenCall,
        make_host: MakeHost | None,
        secret: SecretStr | None,
        shelf: Shelf,
        journal: Journal,
        approver: Approver | None,
    ) -> Result:
        """Run the code, again after each pause for a person."""
        if make_host is None:
            return await self._run(code, shelf, None, None, None)
        # A journal that has begun is repeated whoever can be asked now: its writes were sent.
        may_pause = not journal.is_new or (approver is not None and self._rules.approve)
        while True:
            # Only calls that may pause have a clock and random bytes that can be repeated.
            attempt = Attempt(journal) if may_pause else None
            host = make_host(call, attempt)
            host.sent, host.planned = journal.sent, journal.planned
            answers = HostCalls(host, self._accounts, secret)
            try:
                account_id = journal.account_id
                return await self._run(code, shelf, answers, account_id, host, attempt)
            except Paused as paused:
                if approver is None:
                    raise
                journal.settle(await approver.ask(paused))

    async def _run(
        self,
        code: str,
        shelf: Shelf,
        answers: HostCalls | None,
        account_id: str | None,
        host: OpenAPIHost | None,
        attempt: Attempt | None = None,
    ) -> Result:
        started = time.monotonic()
        pool = await self._ready(None)
        request = {
            "code": code,
            "namespaces": [] if answers is None else [self.name],
            "absent": [self.name] if answers is None else [],
            "account_id": account_id,
            "limits": self._guest_limits,
        }
        if attempt is None:
            run = await pool.run(json.dumps(request), shelf.answering(answers or refuse))
        else:
            text = f"{attempt.conditions}\n{json.dumps(request)}"
            # Kept results stay out of the journal: they are large, and never change.
            answer = shelf.answering(attempt.answering(answers or refuse))
            run = await attempt.drive(pool.run(text, answer))
        value, notes = read_outcome(run.done, self._limits)
        timings = Timings(
            waited_seconds=run.waited_seconds,
            run_seconds=run.done.seconds,
            total_seconds=time.monotonic() - started,
        )
        sent = tuple(request for request in host.sent if request.arrived) if host else ()
        planned = tuple(host.planned) if host else ()
        return Result(value, run.done.logs, notes, run.done.fuel, timings, sent, planned)

    async def _judge(self) -> Guard:
        """Return what judges requests; it reads the document, so only the first execution waits."""
        if self._guard is None and self._image is not None:
            operations = await asyncio.to_thread(self._image.read_operations)
            self._guard = Guard(operations, self._rules.bind(operations), self._check)
        assert self._guard is not None  # noqa: S101 - `_ready` has set the image
        return self._guard

    def _check_source(self, code: str) -> None:
        """Look at nothing but size and encoding: hostile source is parsed in the sandbox only."""
        most = self._limits.source_bytes
        try:
            size = len(code.encode())
        except UnicodeEncodeError:
            raise CodeRejected(
                "the code is not valid UTF-8: it holds half surrogate pairs"
            ) from None
        if size > most:
            msg = f"the code has {size:,} bytes; at most {most:,} are taken. Send less code"
            raise LimitExceeded(msg, limit="source_bytes")

    async def _ready(self, progress: Progress | None) -> Pool:
        if self._pool is not None:
            return self._pool
        async with self._preparing:
            if self._pool is None:
                spec = await specs.load(self._source, progress)
                self._image = await open_image(spec, progress)
                if spec.note:
                    _log.warning(spec.note)
                try:
                    await self._database.open()
                except LogError as error:
                    # Searches and reads go on; writes are refused until they can be recorded.
                    _log.warning(str(error))
                pool = Pool(self._image, self._limits, self._workers)
                try:
                    await pool.start()
                except BaseException:
                    await pool.close()
                    raise
                self._pool = pool
            return self._pool

    def _server(self) -> str:
        base_url = self._base_url or (self._image.base_url if self._image else None)
        if base_url is None:
            msg = "the spec names no server; say where the API is with --base-url or base_url="
            raise ConfigError(msg)
        return base_url

    def _owner(self, secret: SecretStr | None) -> bytes:
        server = self._base_url or (self._image.base_url if self._image else None)
        return find_owner(secret, f"{self.name} {server}")

    def _shelve(self, secret: SecretStr | None, *, keep: bool) -> Shelf:
        results = Results(self._database, redact=Redactor(secret).clean)
        return Shelf(results, self._owner(secret) if keep else None, self._limits.result_bytes)

    async def _open_shelf(self, token: str | SecretStr | None) -> Shelf:
        secret = token = SecretStr(token) if isinstance(token, str) else token or self._token
        # Without its document, the server to which the results belong may be unknown.
        await self._ready(None)
        return self._shelve(secret, keep=True)
