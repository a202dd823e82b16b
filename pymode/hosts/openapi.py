"""The namespace of an HTTP API: the host builds, checks, sends and records each request."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass

from pydantic import SecretStr

from pymode.errors import ConfigError, HostCallError, HttpError, RequestRefused
from pymode.hosts import SentRequest, token_variable, urls
from pymode.hosts.outgoing import Outgoing, read
from pymode.hosts.redaction import Redactor
from pymode.hosts.reply import write_error, write_response
from pymode.http import Http, Response
from pymode.limits import Limits

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")
PATH_CHARS = 500
ACCOUNTS = 50


@dataclass(frozen=True, slots=True)
class Account:
    """One account that a token sees."""

    id: str
    name: str


class OpenAPIHost:
    """The requests of one call to one API.

    Args:
        name: of the object in the code, such as "cloudflare".
        base_url: of the API; https, or http on loopback.
        token: sent as a bearer token with each request; None sends none.
        http: the shared pool.
        limits: of the call; `request_bytes` is used.
        sent: where the requests are recorded; a list of its own by default.

    Raises:
        ConfigError: the name, the base URL or the token cannot be used.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        token: SecretStr | None,
        http: Http,
        limits: Limits,
        sent: list[SentRequest] | None = None,
    ) -> None:
        if not NAME.fullmatch(name):
            msg = f"the name {name[:60]!r} must be a lower-case Python name such as 'cloudflare'"
            raise ConfigError(msg)
        self.name = name
        self.sent = [] if sent is None else sent
        self._base_url = urls.check_base(base_url)
        self._http = http
        self._request_bytes = limits.request_bytes
        # Nowhere in plain text under a name: a traceback may show what names hold.
        secret = SecretStr(token.get_secret_value().strip()) if token else None
        if secret and not TOKEN.fullmatch(secret.get_secret_value()):
            raise ConfigError("the API token has spaces or other characters that no token has")
        self._authorization = (
            {"authorization": f"Bearer {secret.get_secret_value()}"} if secret else {}
        )
        self._redactor = Redactor(secret)

    def __repr__(self) -> str:
        return f"OpenAPIHost({self.name!r}, {self._base_url!r})"

    async def request(self, payload: str) -> str:
        """Answer one request of the guest.

        Args:
            payload: see `pymode.hosts.outgoing`.

        Returns:
            A reply, see `pymode.hosts.reply`; bad input and failures are replies too.
        """
        try:
            response = await self._send(read(payload, self._request_bytes))
        except RequestRefused as error:
            return write_error("refused", self._redactor.clean(str(error)))
        except HttpError as error:
            return write_error(error.kind, self._redactor.clean(str(error)))
        note = ""
        if self._lacks_token(response):
            note = f"no token was sent: set {token_variable(self.name)}"
        return write_response(response, note)

    async def account_id(self) -> str:
        """Ask the API which account the token sees, when it is exactly one.

        Raises:
            HostCallError: there is none, there are several, or the API cannot be asked.
        """
        query = [("per_page", str(ACCOUNTS))]
        response = await self._send(Outgoing("GET", "/accounts", query, {}, None, None))
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
        if self._authorization:
            return False
        # Cloudflare answers 400 and "Missing X-Auth-Key, X-Auth-Email or Authorization headers".
        missing = response.status == 400 and b"Authorization" in response.body[:2000]
        return missing or response.status in (401, 403)

    async def _send(self, outgoing: Outgoing) -> Response:
        url = urls.build(self._base_url, outgoing.path, outgoing.query)
        path = url[len(self._base_url) :].partition("?")[0]
        shown = self._redactor.clean(path)[:PATH_CHARS]
        started = time.perf_counter()
        status = None
        try:
            response = await self._http.send(
                outgoing.method,
                url,
                headers=outgoing.headers | self._authorization,
                content=outgoing.content,
                files=outgoing.files,
                within=self._base_url,
            )
            status = response.status
        finally:
            seconds = time.perf_counter() - started
            self.sent.append(SentRequest(outgoing.method, shown, status, seconds))
        headers = {name: self._redactor.clean(text) for name, text in response.headers.items()}
        return Response(response.status, headers, self._redactor.clean_bytes(response.body))


def read_accounts(response: Response) -> tuple[list[Account], int]:
    """Read the accounts of a page, and how many there are in all.

    Raises:
        HostCallError: the answer is an error, or not a list of accounts.
    """
    failed = f"account_id is not known: GET /accounts answered {response.status}"
    try:
        answer = json.loads(response.body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise HostCallError(f"{failed} and no JSON object")
    errors = answer.get("errors")
    if response.status != 200 or answer.get("success") is False:
        texts = [
            f"{error.get('code', '')} {error.get('message', '')}".strip()
            for error in (errors if isinstance(errors, list) else [])[:3]
            if isinstance(error, dict)
        ]
        raise HostCallError(": ".join([failed, *texts])[: 2 * PATH_CHARS])
    result = answer.get("result")
    if not isinstance(result, list):
        raise HostCallError(f"{failed}, but without a list of accounts")
    accounts = [
        Account(item["id"], str(item.get("name", ""))[:100])
        for item in result[:ACCOUNTS]
        if isinstance(item, dict) and isinstance(item.get("id"), str)
    ]
    info = answer.get("result_info")
    total = info.get("total_count") if isinstance(info, dict) else None
    return accounts, max(len(accounts), total if isinstance(total, int) else 0)
