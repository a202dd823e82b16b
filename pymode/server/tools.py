"""The two tools, as an MCP server that any transport can serve."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import anyio
from mcp import types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from pymode.config import token_variable
from pymode.errors import CodeError, CodeRaised, ConfigError, PymodeError, SandboxError
from pymode.hosts.approvals import Paused
from pymode.preparation import Preparation
from pymode.prompts import ToolPrompt, describe_tools, error_name
from pymode.server.answers import answer, failure
from pymode.server.callers import Caller, read_caller
from pymode.server.elicitation import ask_later, find_approver, read_answers
from pymode.server.resources import Resources
from pymode.server.seals import Seals

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext
    from pydantic import SecretStr

    from pymode.codemode import CodeMode
    from pymode.hosts.journal import Journal
    from pymode.limits import Limits
    from pymode.result import Result

    Context: TypeAlias = ServerRequestContext[None, Any]

T = TypeVar("T")

_ANNOTATIONS = {
    "search": types.ToolAnnotations(read_only_hint=True, open_world_hint=False),
    "execute": types.ToolAnnotations(
        read_only_hint=False, destructive_hint=True, open_world_hint=True
    ),
}
_ARGUMENTS = {"search": ("code",), "execute": ("code", "account_id")}

# A cancelled call kills its worker; this bounds the wait for that.
_STOP_SECONDS = 5.0

_log = logging.getLogger(__name__)


def make_server(
    code_mode: CodeMode,
    *,
    name: str,
    limits: Limits,
    max_tokens: int = 6_000,
    token: SecretStr | None = None,
    account_id: str | None = None,
    preparation: Preparation | None = None,
) -> Server[None]:
    """An MCP server with the tools `search` and `execute`.

    Args:
        code_mode: what runs the code.
        name: what the code calls the API, such as "cloudflare"; that of `code_mode`.
        limits: those of `code_mode`, for the descriptions.
        max_tokens: budget of one answer.
        token: API token of calls that come over stdio. A call over HTTP has only that of its own
            `Authorization: Bearer` header, whatever is given here.
        account_id: account of calls that do not name one.
        preparation: that of `code_mode`, where it is under way already; the server closes it.
    """
    preparation = preparation or Preparation(code_mode)
    prompts = describe_tools(name, limits, max_tokens)
    tools = _Tools(code_mode, name, prompts, preparation, max_tokens, token, account_id)
    resources = Resources(code_mode, tools.find_caller)

    @asynccontextmanager
    async def lifespan(_: Server[None]) -> AsyncIterator[None]:
        await preparation.open()
        try:
            yield
        finally:
            await preparation.aclose()

    return Server(
        "pymode",
        title=f"pymode: {name}",
        version=version("pymode"),
        lifespan=lifespan,
        on_list_tools=tools.list_tools,
        on_call_tool=tools.call_tool,
        on_list_resources=resources.list,
        on_list_resource_templates=resources.list_templates,
        on_read_resource=resources.read,
        # Without it the SDK answers a whole tools/list before each call over HTTP.
        get_tool_input_schema=tools.schemas.get,
    )


class _Tools:
    def __init__(
        self,
        code_mode: CodeMode,
        name: str,
        prompts: Iterable[ToolPrompt],
        preparation: Preparation,
        max_tokens: int,
        token: SecretStr | None,
        account_id: str | None,
    ) -> None:
        tools = [_tool(prompt) for prompt in prompts]
        self.schemas = {tool.name: tool.input_schema for tool in tools}
        self._listing = types.ListToolsResult(tools=tools)
        self._code_mode = code_mode
        self._name = name
        self._preparation = preparation
        self._max_tokens = max_tokens
        self._token = token
        self._account_id = account_id
        self._seals = Seals()

    def find_caller(self, ctx: Context) -> Caller:
        """Who sent a request; over HTTP only its own header says so."""
        if ctx.request is None:
            return Caller(self._token)
        caller = read_caller(ctx.request.headers)
        if caller.token is None and self._code_mode.has_token:
            raise ConfigError("send the API token in the header Authorization: Bearer TOKEN")
        return caller

    async def list_tools(
        self, _: Context, __: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return self._listing

    async def call_tool(
        self, ctx: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        if params.name not in _ARGUMENTS:
            message = f"there is no tool {params.name!r}; the tools are search and execute"
            raise MCPError(code=types.INVALID_PARAMS, message=message)
        logs = ""
        try:
            arguments = _check(params.name, params.arguments or {})
            caller = self.find_caller(ctx)
            await self._prepare(ctx)
            if params.name == "search":
                result = await _run_apart(
                    self._code_mode.search(arguments["code"], token=caller.token, keep=caller.keeps)
                )
            else:
                result = await self._execute(ctx, params, arguments, caller)
            return await answer(result, self._max_tokens)
        except _Waiting as waiting:
            return ask_later(waiting.paused, waiting.state)
        except CodeError as error:
            message, logs = str(error), error.logs
        except PymodeError as error:
            message = str(error)
        except Exception:
            _log.exception("%s failed", params.name)
            message = f"pymode failed inside; what happened is in the server's log ({params.name})"
        return failure(message, logs, self._max_tokens)

    async def _prepare(self, ctx: Context) -> None:
        async def report(fraction: float, sentence: str) -> None:
            await ctx.session.report_progress(fraction, 1.0, sentence)

        await self._preparation.wait(report)

    async def _execute(
        self,
        ctx: Context,
        params: types.CallToolRequestParams,
        arguments: Mapping[str, str],
        caller: Caller,
    ) -> Result:
        token = caller.token
        account_id = arguments.get("account_id") or self._account_id
        binding = {
            "tool": params.name,
            "code": arguments["code"],
            "account_id": account_id or "",
            "token": token.get_secret_value() if token else "",
            **self._code_mode.identity,
        }
        journal: Journal | None = None
        if params.request_state is not None:
            journal = self._seals.open(params.request_state, binding)
            journal.settle(read_answers(params.input_responses, len(journal.asked)))
        try:
            return await _run_apart(
                self._code_mode.execute(
                    arguments["code"],
                    token=token,
                    account_id=account_id,
                    approver=find_approver(ctx),
                    journal=journal,
                    keep=caller.keeps,
                )
            )
        except Paused as paused:
            raise _Waiting(paused, self._seals.seal(paused.journal, binding)) from None
        except CodeRaised as error:
            if token is None and error_name(self._name) in str(error):
                raise CodeRaised(f"{error}\n{self._missing_token(ctx)}", logs=error.logs) from error
            raise

    def _missing_token(self, ctx: Context) -> str:
        if ctx.request is None:
            return f"The server has no API token: set its {token_variable(self._name)}."
        return "The request carried no API token: send it as Authorization: Bearer TOKEN."


class _Waiting(Exception):
    """A call waits for a person whom this server cannot ask before it answers."""

    def __init__(self, paused: Paused, state: str) -> None:
        super().__init__(str(paused))
        self.paused = paused
        self.state = state


def _tool(prompt: ToolPrompt) -> types.Tool:
    return types.Tool(
        name=prompt.name,
        description=prompt.description,
        input_schema=prompt.input_schema,
        annotations=_ANNOTATIONS[prompt.name],
    )


def _check(tool: str, arguments: Mapping[str, object]) -> dict[str, str]:
    """The arguments of a call, all strings; a null counts as absent."""
    checked = {}
    for name, value in arguments.items():
        if name not in _ARGUMENTS[tool]:
            known = " and ".join(_ARGUMENTS[tool])
            raise ConfigError(f"{tool} has no argument {name!r}; it takes {known}")
        if value is None:
            continue
        if not isinstance(value, str):
            raise ConfigError(f"{name} must be a string, not {type(value).__name__}")
        checked[name] = value
    if "code" not in checked:
        raise ConfigError(f"{tool} needs the argument code, a string with an async Python function")
    return checked


async def _run_apart(call: Coroutine[Any, Any, T]) -> T:
    """Await the call in a task of its own, which a cancellation reaches exactly once.

    anyio cancels again at each await, so a clean-up inside the call would never get through one.
    """
    task = asyncio.create_task(call)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if task.cancelled():
            raise SandboxError("the sandbox was closed during the call") from None
        task.cancel()
        with anyio.move_on_after(_STOP_SECONDS, shield=True):
            await asyncio.wait({task})
        raise
