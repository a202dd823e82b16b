"""Sends the requests of one run to one API, with its credential, and again where that is safe."""

from __future__ import annotations

import asyncio
import logging
import time

from pydantic import SecretStr

from pymode.actions.context import Context
from pymode.actions.sent import SentRequest
from pymode.apis import dry_run, retries
from pymode.apis.auth import Auth, Credential, to_auth
from pymode.apis.retries import PACE, Pace
from pymode.errors import ConfigError, HttpError, RequestRefused
from pymode.http import urls
from pymode.http.client import Http, Response
from pymode.http.redaction import Redactor
from pymode.policy.action import RequestAction

_log = logging.getLogger(__name__)


class Sender:
    """Sends requests to one API in one run.

    Args:
        name: the name of the API, for messages.
        base_url: the base URL of the API; https, or http on loopback.
        auth: the credential for the API; a secret alone is a bearer token, None sends none.
        http: the connections, which all calls share.
        pace: how often and how fast a request is sent again.

    Raises:
        ConfigError: the base URL or the secret cannot be used.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        auth: Auth | SecretStr | None,
        http: Http,
        pace: Pace = PACE,
    ) -> None:
        self.base_url = urls.check_base(base_url)
        self._name = name
        self._http = http
        self._pace = pace
        self._auth = to_auth(auth)
        self._credential: Credential | None = None
        self._authorizing = asyncio.Lock()
        self.redactor = Redactor(*(self._auth.known if self._auth else ()))

    @property
    def has_auth(self) -> bool:
        """Whether requests carry a credential."""
        return self._auth is not None

    async def authorize(self) -> None:
        """Make the credential, once in a run, because a fresh token may cost a request of its own.

        Raises:
            RequestRefused: the credential cannot be made.
        """
        if self._auth is None or self._credential is not None:
            return
        async with self._authorizing:
            # Another request of the run may have made it while this one waited for the lock.
            if self._credential is None:
                try:
                    credential = await self._auth.make()
                except ConfigError as error:
                    raise RequestRefused(f"{error}; nothing was sent") from None
                # The operator's function failed: its exception goes to the log, not to the code.
                except Exception:
                    _log.exception("the function for a secret of %s failed", self._name)
                    msg = f"no fresh token for {self._name}: its function failed; nothing was sent"
                    raise RequestRefused(msg) from None
                self.redactor = Redactor(*credential.secrets)
                self._credential = credential

    async def send(self, action: RequestAction, context: Context) -> tuple[Response, int]:
        """Send a request, and send it again where that is safe.

        Returns:
            The response without secrets, and the number of attempts.

        Raises:
            RequestRefused: the run is over its limit of traffic, or the URL cannot be sent.
            HttpError: no usable response came back.
        """
        deadline = context.deadline
        context.count_request(_count_bytes(action))
        response, attempts = await retries.send(
            lambda: self._attempt(action, context),
            action.method,
            deadline,
            idempotent=action.repeatable,
            pace=self._pace,
        )
        headers = {name: self.redactor.clean(text) for name, text in response.headers.items()}
        # A server must not mark its answer as the example of a dry run: the request was sent.
        headers.pop(dry_run.HEADER, None)
        body = self.redactor.clean_bytes(response.body)
        return Response(response.status, headers, body), attempts

    async def _attempt(self, action: RequestAction, context: Context) -> Response:
        """Send a request once, and add the attempt to `context.sent` even if it fails."""
        departed: list[None] = []
        started = time.perf_counter()
        status = None
        credential = self._credential or Credential()
        request = action.request
        try:
            response = await self._http.send(
                action.method,
                urls.add_query(action.url, credential.query),
                # The credential comes last, so that the code cannot replace its headers.
                headers=dict(request.headers) | credential.headers,
                content=request.content,
                files=request.files,
                within=self.base_url,
                deadline=context.deadline,
                departing=lambda: departed.append(None),
                room=context,
            )
            status = response.status
            return response
        except HttpError as error:
            status = error.status
            raise
        finally:
            seconds = time.perf_counter() - started
            context.sent.append(
                SentRequest(
                    action.method,
                    action.shown_path,
                    status,
                    seconds,
                    arrived=bool(departed),
                    write=action.is_write,
                )
            )


def _count_bytes(action: RequestAction) -> int:
    files = action.request.files or ()
    return len(action.request.content or b"") + sum(len(part[1][1]) for part in files)
