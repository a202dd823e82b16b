"""The namespace of an HTTP API: the host builds, checks, sends and records each request."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from dataclasses import dataclass, field

from pydantic import SecretStr

from pymode.actions import Planned, SentRequest
from pymode.actions.sent import READS
from pymode.apis import dry_run as standin
from pymode.apis import retries
from pymode.apis.accounts import ACCOUNTS, read_accounts
from pymode.apis.auth import Auth, Credential, to_auth
from pymode.apis.outgoing import Outgoing, read
from pymode.apis.reply import write_error, write_response
from pymode.apis.retries import PACE, Pace
from pymode.call.journal import digest_request
from pymode.documents.operations import Operations
from pymode.errors import (
    ConfigError,
    HostCallError,
    HttpError,
    LogError,
    RequestRefused,
    RuleRefused,
)
from pymode.http import urls
from pymode.http.client import Http, Response
from pymode.http.redaction import Redactor
from pymode.limits import Limits
from pymode.log import Log, OpenCall
from pymode.log.recording import NOT_SENT
from pymode.namespaces import token_variable
from pymode.policy.approvals import Gate
from pymode.policy.check import surely_wrong
from pymode.policy.guard import Guard, Judgement
from pymode.policy.questions import write_question
from pymode.policy.rules import Rules

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
PATH_CHARS = 500
BODY_CHARS = 2000

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Traffic:
    """What all requests and responses of a call have had together, in bytes."""

    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Conduct:
    """How the requests of one call are treated.

    Args:
        guard: judges them and explains refusals.
        dry_run: whether writes are answered with stand-ins instead of being sent.
        log: where they are recorded, with the call that they belong to; None records nothing.
        pace: how often and how fast they are sent again.
        gate: where those pass that a person must approve.
        traffic: of the call; its APIs share it.
    """

    guard: Guard = field(default_factory=lambda: Guard(Operations({}), Rules(), "off"))
    dry_run: bool = False
    log: tuple[Log, OpenCall] | None = None
    pace: Pace = PACE
    gate: Gate = field(default_factory=Gate)
    traffic: Traffic = field(default_factory=Traffic)


class OpenAPIHost:
    """The requests of one call to one API.

    Args:
        name: of the object in the code, such as "cloudflare".
        base_url: of the API; https, or http on loopback.
        auth: how it is told who calls; a secret alone is a bearer token, None sends nothing.
        http: the shared pool.
        limits: of the call; `request_bytes` and `wall_seconds` are used.
        conduct: how requests are treated; by default none is judged or recorded.

    After the call, `sent` holds every attempt to send a request, and `planned` what a dry run
    held back.

    Raises:
        ConfigError: the name, the base URL or the secret cannot be used.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        auth: Auth | SecretStr | None,
        http: Http,
        limits: Limits,
        conduct: Conduct | None = None,
    ) -> None:
        if not NAME.fullmatch(name):
            msg = f"the name {name[:60]!r} must be a lower-case Python name such as 'cloudflare'"
            raise ConfigError(msg)
        self.name = name
        self.sent: list[SentRequest] = []
        self.planned: list[Planned] = []
        self._base_url = urls.check_base(base_url)
        self._http = http
        self._limits = limits
        self._conduct = conduct or Conduct()
        self._deadline: float | None = None
        self._auth = to_auth(auth)
        self._credential: Credential | None = None
        self._making = asyncio.Lock()
        self.redactor = Redactor(*(self._auth.known if self._auth else ()))

    def __repr__(self) -> str:
        return f"OpenAPIHost({self.name!r}, {self._base_url!r})"

    async def request(self, payload: str) -> str:
        """Answer one request of the guest.

        Args:
            payload: see `pymode.apis.outgoing`.

        Returns:
            A reply, see `pymode.apis.reply`; bad input and failures are replies too.
        """
        try:
            outgoing = read(payload, self._limits.request_bytes)
            response, note = await self._handle(outgoing)
        except RequestRefused as error:
            kind = "rule" if isinstance(error, RuleRefused) else "refused"
            return write_error(kind, self.redactor.clean(str(error)))
        except HttpError as error:
            return write_error(error.kind, self.redactor.clean(str(error)), error.status)
        return write_response(response, note, self._base_url)

    async def _handle(self, outgoing: Outgoing) -> tuple[Response, str]:
        """Judge, hold back or send a request; return its answer and a note for who reads it."""
        await self._authorize()
        if wrong := surely_wrong(outgoing.path):
            raise RequestRefused(f"{wrong}; nothing was sent")
        url = urls.build(self._base_url, outgoing.path, outgoing.query)
        target = url[len(self._base_url) :]
        path = self.redactor.clean(target.partition("?")[0])[:PATH_CHARS]
        guard = self._conduct.guard
        try:
            judgement = guard.judge(outgoing, target)
        except RequestRefused as error:
            outcome = "denied" if isinstance(error, RuleRefused) else "refused"
            self._note(outgoing, path, outcome, str(error))
            raise
        if self._conduct.dry_run and judgement.is_write:
            return self._hold_back(outgoing, path, judgement), ""
        approval = await self._approve(outgoing, path, judgement) if judgement.approval else ""
        response = await self._record(outgoing, url, path, judgement, approval)
        note = guard.advise(judgement, response.status) if response.status >= 400 else ""
        if self._lacks_token(response):
            note = f"no token was sent: set {token_variable(self.name)}"
        return response, self.redactor.clean(note)

    async def _authorize(self) -> None:
        """Make what says who calls, once in a call: a fresh token may cost a request."""
        if self._auth is None or self._credential is not None:
            return
        async with self._making:
            if self._credential is None:
                try:
                    credential = await self._auth.make()
                except ConfigError as error:
                    raise RequestRefused(f"{error}; nothing was sent") from None
                except Exception:
                    _log.exception("the function for a secret of %s failed", self.name)
                    msg = f"no fresh token for {self.name}: its function failed; nothing was sent"
                    raise RequestRefused(msg) from None
                self.redactor = Redactor(*credential.secrets)
                self._credential = credential

    async def _approve(self, outgoing: Outgoing, path: str, judgement: Judgement) -> str:
        """Return how a person approved a request; the run may end and be repeated meanwhile."""
        question = write_question(
            outgoing, judgement.operation, judgement.approval, self.redactor.clean
        )
        digest = digest_request(outgoing, self._base_url)
        try:
            return await self._conduct.gate.admit(question, digest)
        except RuleRefused as error:
            self._note(outgoing, path, "not approved", str(error))
            raise
        except LogError as error:
            raise RequestRefused(f"{error}; nothing was sent") from error

    def _hold_back(self, outgoing: Outgoing, path: str, judgement: Judgement) -> Response:
        body = (outgoing.content or b"").decode(errors="replace")[:BODY_CHARS]
        self.planned.append(Planned(outgoing.method, path, self.redactor.clean(body)))
        self._note(outgoing, path, "dry run", "")
        operations = self._conduct.guard.operations
        return standin.make(
            judgement.operation,
            operations,
            outgoing.method,
            judgement.checked.path,
            judgement.checked.body,
        )

    async def _record(
        self, outgoing: Outgoing, url: str, path: str, judgement: Judgement, approval: str
    ) -> Response:
        """Send a request between two records: a write is recorded before it is sent."""
        if self._conduct.log is None:
            return (await self._send(outgoing, url, path, judgement))[0]
        log, call = self._conduct.log
        names = [name for name, _ in judgement.checked.query]
        try:
            record = await log.begin_request(
                call,
                outgoing.method,
                path,
                is_write=judgement.is_write,
                query=names,
                approval=approval,
            )
        except LogError as error:
            raise RequestRefused(f"{error}; nothing was sent") from error
        started = time.perf_counter()
        status, attempts, outcome = None, 1, None
        try:
            response, attempts = await self._send(outgoing, url, path, judgement)
            status = response.status
            return response
        except HttpError as error:
            status = error.status
            outcome = None if error.arrived else NOT_SENT
            raise
        except RequestRefused:
            outcome = NOT_SENT
            raise
        finally:
            seconds = time.perf_counter() - started
            log.end_request(record, status, seconds, outcome=outcome, attempts=attempts)

    def _note(self, outgoing: Outgoing, path: str, outcome: str, reason: str) -> None:
        if self._conduct.log is not None:
            log, call = self._conduct.log
            log.note_request(
                call,
                outgoing.method,
                path,
                is_write=outgoing.method not in READS,
                outcome=outcome,
                reason=reason,
            )

    async def account_id(self) -> str:
        """Ask the API which account the token sees, when it is exactly one.

        Raises:
            HostCallError: there is none, there are several, or the API cannot be asked.
        """
        query = [("per_page", str(ACCOUNTS))]
        response, _ = await self._handle(Outgoing("GET", "/accounts", query, {}, None, None))
        if response.status == 404:
            raise HostCallError("this API has no accounts, so there is no account_id")
        if self._lacks_token(response):
            msg = f"account_id is not known: no token was sent; set {token_variable(self.name)}"
            raise HostCallError(msg)
        accounts, total = read_accounts(response)
        if len(accounts) == 1 == total:
            return accounts[0].id
        choose = "pass the account_id argument, or start with --account-id"
        if not accounts:
            msg = f"account_id is not known: the token sees no account; {choose}"
            raise HostCallError(msg)
        lines = [f"  {account.name} ({account.id})" for account in accounts]
        if total > len(accounts):
            lines.append(f"  and {total - len(accounts)} more")
        msg = f"account_id is not known: the token sees {total} accounts; {choose}:\n"
        raise HostCallError(msg + "\n".join(lines))

    def _lacks_token(self, response: Response) -> bool:
        if self._auth is not None:
            return False
        # Cloudflare answers 400 and "Missing X-Auth-Key, X-Auth-Email or Authorization headers".
        missing = response.status == 400 and b"Authorization" in response.body[:2000]
        return missing or response.status in (401, 403)

    async def _send(
        self, outgoing: Outgoing, url: str, path: str, judgement: Judgement
    ) -> tuple[Response, int]:
        """Send a request, again where that is safe; return the answer and the attempts."""
        # The call's own deadline began a little earlier, and ends whatever is late.
        now = asyncio.get_running_loop().time()
        deadline = self._deadline = self._deadline or now + self._limits.wall_seconds
        self._count_traffic(outgoing)
        response, attempts = await retries.send(
            lambda: self._attempt(outgoing, url, path, judgement, deadline),
            outgoing.method,
            deadline,
            idempotent=judgement.idempotent,
            pace=self._conduct.pace,
        )
        headers = {name: self.redactor.clean(text) for name, text in response.headers.items()}
        # What was sent is no stand-in, whatever the server says.
        headers.pop(standin.HEADER, None)
        body = self.redactor.clean_bytes(response.body)
        return Response(response.status, headers, body), attempts

    async def _attempt(
        self, outgoing: Outgoing, url: str, path: str, judgement: Judgement, deadline: float
    ) -> Response:
        """Send a request once, and keep account of it whatever happens."""
        departed: list[None] = []
        started = time.perf_counter()
        status = None
        credential = self._credential or Credential()
        try:
            response = await self._http.send(
                outgoing.method,
                urls.add_query(url, credential.query),
                headers=outgoing.headers | credential.headers,
                content=outgoing.content,
                files=outgoing.files,
                within=self._base_url,
                deadline=deadline,
                departing=lambda: departed.append(None),
            )
            status = response.status
            self._conduct.traffic.size_bytes += len(response.body)
            return response
        except HttpError as error:
            status = error.status
            raise
        finally:
            seconds = time.perf_counter() - started
            arrived, write = bool(departed), judgement.is_write
            self.sent.append(
                SentRequest(outgoing.method, path, status, seconds, arrived=arrived, write=write)
            )

    def _count_traffic(self, outgoing: Outgoing) -> None:
        """Add a request to the traffic of the call; refuse it when the call has had its share."""
        most = self._limits.traffic_bytes
        parts = outgoing.files or ()
        size_bytes = len(outgoing.content or b"") + sum(len(part[1][1]) for part in parts)
        traffic = self._conduct.traffic
        if traffic.size_bytes + size_bytes > most:
            msg = (
                f"the requests and responses of this call have over {most:,} bytes together; ask "
                "for fewer or smaller things, or spread the work over several calls"
            )
            raise RequestRefused(msg)
        traffic.size_bytes += size_bytes
