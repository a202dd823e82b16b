"""The MCP server with the two tools, for any transport."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeAlias

from mcp import types
from mcp.shared.exceptions import MCPError

from pymode.answers.prompts import Facts, ToolPrompt, describe_tools
from pymode.apis.identity import find_missing
from pymode.call.answer import answer, failure
from pymode.call.journal import Paused
from pymode.errors import CodeError, CodeRaised, ConfigError, PymodeError
from pymode.namespaces import token_variable
from pymode.server.callers import (
    Caller,
    how_to_send,
    read_caller,
    read_session,
    write_tokens,
)
from pymode.server.calls import Calls
from pymode.server.changes import ChangingServer
from pymode.server.elicitation import ask_later, find_approver, find_elicit, read_answers
from pymode.server.preparation import Preparation
from pymode.server.resources import Resources
from pymode.server.seals import Seals

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

    from pymode.apis.identity import Tokens
    from pymode.call.journal import Journal
    from pymode.call.result import Result
    from pymode.call.service import Service

    Context: TypeAlias = ServerRequestContext[None, Any]

_ANNOTATIONS = {
    "search": types.ToolAnnotations(read_only_hint=True, open_world_hint=False),
    "execute": types.ToolAnnotations(
        read_only_hint=False, destructive_hint=True, open_world_hint=True
    ),
}
_MAX_TITLE_CHARS = 200

_log = logging.getLogger(__name__)


def make_server(
    code_mode: Service,
    *,
    max_tokens: int = 6_000,
    token: Tokens = None,
    account_id: str | None = None,
    preparation: Preparation | None = None,
) -> ChangingServer:
    """Return an MCP server with the tools `search` and `execute`.

    Args:
        code_mode: what runs the code.
        max_tokens: budget of one answer.
        token: of calls that come over stdio, see `Service.execute`. A call over HTTP has only
            what its own headers bring, whatever is given here; see `pymode.server.callers`.
        account_id: account of calls that do not name one.
        preparation: that of `code_mode`, where it is under way already; the server closes it.
    """
    preparation = preparation or Preparation(code_mode)
    tools = _Tools(code_mode, preparation, max_tokens, token, account_id)
    resources = Resources(code_mode, tools.find_caller)

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        await preparation.open()
        try:
            yield
        finally:
            await preparation.aclose()

    return ChangingServer(
        "pymode",
        tools.calls,
        title=f"pymode: {', '.join(code_mode.names)}"[:_MAX_TITLE_CHARS],
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
        code_mode: Service,
        preparation: Preparation,
        max_tokens: int,
        token: Tokens,
        account_id: str | None,
    ) -> None:
        kinds = [Facts(name, kind) for name, kind in code_mode.kinds.items()]
        prompts = describe_tools(kinds, code_mode.limits, max_tokens)
        self.schemas = {prompt.name: prompt.input_schema for prompt in prompts}
        self._arguments = {prompt.name: prompt.arguments for prompt in prompts}
        self._code_mode = code_mode
        self._preparation = preparation
        self._max_tokens = max_tokens
        self._token = token
        self._account_id = account_id
        self._seals = Seals()
        self.calls = Calls()

    def find_caller(self, ctx: Context) -> Caller:
        """Return who sent a request; over HTTP only its own header counts."""
        if ctx.request is None:
            return Caller(self._token)
        apis = [api.name for api in self._code_mode.apis]
        caller = read_caller(ctx.request.headers, apis)
        if not caller.keeps and self._code_mode.has_token:
            raise ConfigError(f"send the API token in the header {how_to_send(apis, apis)}")
        return caller

    async def list_tools(
        self, _: Context, __: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        """Return the two tools, with the current numbers in their descriptions."""
        facts = await self._code_mode.survey()
        prompts = describe_tools(facts, self._code_mode.limits, self._max_tokens)
        return types.ListToolsResult(tools=[_tool(prompt) for prompt in prompts])

    async def call_tool(
        self, ctx: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        if params.name not in self.schemas:
            message = f"there is no tool {params.name!r}; the tools are search and execute"
            raise MCPError(code=types.INVALID_PARAMS, message=message)
        logs = ""
        try:
            arguments = self._check(params.name, params.arguments or {})
            caller = self.find_caller(ctx)
            await self._prepare(ctx)
            if params.name == "search":
                result = await self.calls.run(
                    self._code_mode.search(
                        arguments["code"],
                        token=caller.token,
                        keep=caller.keeps,
                        session=read_session(ctx.request),
                    )
                )
            else:
                result = await self._execute(ctx, params, arguments, caller)
            return _content(*await answer(result, self._max_tokens))
        except _Waiting as waiting:
            return ask_later(waiting.paused, waiting.state)
        except CodeError as error:
            message, logs = str(error), error.logs
        except PymodeError as error:
            message = str(error)
        except Exception:
            _log.exception("%s failed", params.name)
            message = f"pymode failed inside; what happened is in the server's log ({params.name})"
        return _content(failure(message, logs, self._max_tokens), is_error=True)

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
            "token": write_tokens(token),
            **self._code_mode.identity,
        }
        journal: Journal | None = None
        if params.request_state is not None:
            journal = self._seals.open(params.request_state, binding)
            journal.settle(read_answers(params.input_responses, len(journal.asked)))
        try:
            return await self.calls.run(
                self._code_mode.execute(
                    arguments["code"],
                    token=token,
                    account_id=account_id,
                    approver=find_approver(ctx),
                    journal=journal,
                    keep=caller.keeps,
                    session=read_session(ctx.request),
                    elicit=find_elicit(ctx),
                    tool_progress=ctx.session.report_progress,
                )
            )
        except Paused as paused:
            raise _Waiting(paused, self._seals.seal(paused.journal, binding)) from None
        except CodeRaised as error:
            if missing := find_missing(self._code_mode.apis, token, str(error)):
                hint = self._missing_token(ctx, missing)
                raise CodeRaised(f"{error}\n{hint}", logs=error.logs) from error
            raise

    def _missing_token(self, ctx: Context, missing: Sequence[str]) -> str:
        if ctx.request is None:
            variables = " or ".join(map(token_variable, missing))
            return f"The server has no API token: set its {variables}."
        apis = [api.name for api in self._code_mode.apis]
        return f"The request carried no API token: send it as {how_to_send(apis, missing)}."

    def _check(self, tool: str, arguments: Mapping[str, object]) -> dict[str, str]:
        """Return the arguments of a call, which are all strings; a null counts as absent."""
        taken = self._arguments[tool]
        checked = {}
        for name, value in arguments.items():
            if name not in taken:
                known = " and ".join(taken)
                raise ConfigError(f"{tool} has no argument {name!r}; it takes {known}")
            if value is None:
                continue
            if not isinstance(value, str):
                raise ConfigError(f"{name} must be a string, not {type(value).__name__}")
            checked[name] = value
        if "code" not in checked:
            msg = f"{tool} needs the argument code, a string with an async Python function"
            raise ConfigError(msg)
        return checked


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


def _content(*texts: str, is_error: bool = False) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text) for text in texts], is_error=is_error
    )
