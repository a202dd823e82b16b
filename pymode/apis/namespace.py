"""The namespace of an HTTP API: the host builds, judges, sends and answers each request."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from pymode.actions.context import Context
from pymode.actions.layers import MAX_PLANNED_CHARS
from pymode.actions.recorder import End
from pymode.apis import dry_run
from pymode.apis.reply import write_error, write_response
from pymode.apis.request import read
from pymode.apis.sender import Sender
from pymode.documents.operations import Operations
from pymode.errors import ConfigError, HttpError, RequestRefused, RuleRefused
from pymode.http import urls
from pymode.http.client import Response
from pymode.log.recording import NOT_SENT
from pymode.namespaces import NAMESPACE_NAME, token_variable
from pymode.policy.action import Request, RequestAction
from pymode.policy.approvals import Question
from pymode.policy.check import find_path_mistake
from pymode.policy.digest import digest_request
from pymode.policy.guard import Guard
from pymode.policy.questions import ask_about_request
from pymode.policy.rules import Rules

MAX_PATH_CHARS = 500


@dataclass(frozen=True, slots=True)
class APIAnswer:
    """The answer to a request.

    Args:
        response: the response without secrets; in a dry run it is an example.
        attempts: how often the request was tried.
        note: a sentence for the reader of an error.
    """

    response: Response
    attempts: int = 1
    note: str = ""


class APINamespace:
    """The requests of one run to one API; see `pymode.actions.namespace.Namespace`.

    Args:
        name: the name of the object in the code, such as "cloudflare".
        sender: sends the requests.
        guard: judges requests; by default it permits all of them.

    Raises:
        ConfigError: the name cannot be used.
    """

    failures = (RequestRefused, HttpError)

    def __init__(self, name: str, sender: Sender, guard: Guard | None = None) -> None:
        if not NAMESPACE_NAME.fullmatch(name):
            msg = f"the name {name[:60]!r} must be a lower-case Python name such as 'cloudflare'"
            raise ConfigError(msg)
        self.name = name
        self._sender = sender
        self._guard = guard or Guard(Operations({}), Rules(), "off")

    def __repr__(self) -> str:
        return f"APINamespace({self.name!r}, {self._sender.base_url!r})"

    async def read(self, payload: str, context: Context) -> RequestAction:
        """Read one request of the guest; see `pymode.apis.request`."""
        return await self.prepare(read(payload, context.limits.request_bytes))

    async def prepare(self, request: Request) -> RequestAction:
        """Build the URL of a request.

        Raises:
            RequestRefused: the path is surely wrong, or leads out of the API.
        """
        # A fresh token must be known before anything of the request is shown or recorded.
        await self._sender.authorize()
        if wrong := find_path_mistake(request.path):
            raise RequestRefused(f"{wrong}; nothing was sent")
        url = urls.build(self._sender.base_url, request.path, request.query)
        path, _, query = url[len(self._sender.base_url) :].partition("?")
        return RequestAction(
            request.method,
            path,
            self._clean(path)[:MAX_PATH_CHARS],
            tuple(name for name, _ in parse_qsl(query, keep_blank_values=True)),
            request=request,
            url=url,
            query=query,
        )

    def judge(self, action: RequestAction) -> RequestAction:
        """Judge a request by the rules and the document."""
        return self._guard.judge(action)

    def show(self, action: RequestAction) -> str:
        """Return the body without the token."""
        # A character has at most four bytes of UTF-8.
        content = (action.request.content or b"")[: 4 * MAX_PLANNED_CHARS]
        return self._clean(content.decode(errors="replace"))

    def pretend(self, action: RequestAction) -> APIAnswer:
        """Return an example of the answer, made from the document."""
        return APIAnswer(dry_run.make(action, self._guard.operations))

    def ask(self, action: RequestAction) -> tuple[Question, str]:
        """Return what to ask a person, and the digest of the exact request to this API."""
        question = ask_about_request(action, self._clean)
        return question, digest_request(action.request, self._sender.base_url)

    async def carry_out(self, action: RequestAction, context: Context) -> APIAnswer:
        """Send a request, and explain the answer if the API refused it."""
        response, attempts = await self._sender.send(action, context)
        note = self._guard.advise(action, response.status) if response.status >= 400 else ""
        if self.lacks_token(response):
            note = f"no token was sent: set {token_variable(self.name)}"
        return APIAnswer(response, attempts, self._clean(note))

    def lacks_token(self, response: Response) -> bool:
        """Say whether the API refused a request because it carried no credential."""
        if self._sender.has_auth:
            return False
        # Cloudflare answers 400 and "Missing X-Auth-Key, X-Auth-Email or Authorization headers".
        missing = response.status == 400 and b"Authorization" in response.body[:2000]
        return missing or response.status in (401, 403)

    def end(self, result: APIAnswer) -> End:
        """Return how the log names the end of a request that was answered."""
        return End(status=result.response.status, attempts=result.attempts)

    def end_of_failure(self, error: BaseException) -> End:
        """Return how the log names the end of a request that got no answer."""
        if isinstance(error, RequestRefused):
            return End(NOT_SENT)
        if isinstance(error, HttpError):
            return End(None if error.arrived else NOT_SENT, error.status)
        # A cancelled request may have arrived, so it is not named NOT_SENT.
        return End()

    def write(self, result: APIAnswer) -> str:
        """Write the reply to the guest that holds an answer of the API."""
        return write_response(result.response, result.note, self._sender.base_url)

    def write_failure(self, error: Exception) -> str:
        """Write the reply to the guest for a request that got no answer."""
        text = self._clean(str(error))
        if isinstance(error, HttpError):
            return write_error(error.kind, text, error.status)
        return write_error("rule" if isinstance(error, RuleRefused) else "refused", text)

    def _clean(self, text: str) -> str:
        return self._sender.redactor.clean(text)
