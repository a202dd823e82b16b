"""Kept results as MCP resources: each caller sees and reads those of its own token."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from mcp import types
from mcp.shared.exceptions import MCPError

from pymode.errors import PymodeError

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

    from pymode.call.service import Service
    from pymode.server.callers import Caller

    Context: TypeAlias = ServerRequestContext[None, Any]

PREFIX = "pymode://results/"

_MIME_TYPE = "application/json"


class Resources:
    """The handlers of `resources/list`, `resources/templates/list` and `resources/read`.

    Args:
        code_mode: what keeps the results.
        find_caller: who sent a request; it may raise a `PymodeError`.
    """

    def __init__(self, code_mode: Service, find_caller: Callable[[Context], Caller]) -> None:
        self._code_mode = code_mode
        self._find_caller = find_caller

    async def list(
        self, ctx: Context, _: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        """Return the newest kept results of the caller."""
        try:
            caller = self._find_caller(ctx)
            found = await self._code_mode.list_results(token=caller.token) if caller.keeps else []
        except PymodeError as error:
            raise _refuse(error) from None
        return types.ListResourcesResult(
            resources=[
                types.Resource(
                    uri=f"{PREFIX}{kept.id}",
                    name=kept.id,
                    description=kept.note,
                    mime_type=_MIME_TYPE,
                    size=kept.size_bytes,
                )
                for kept in found
            ]
        )

    async def list_templates(
        self, _: Context, __: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        """Return the template of the URIs of results."""
        template = types.ResourceTemplate(
            uri_template=f"{PREFIX}{{name}}",
            name="result",
            description="A result that was too large for its answer, by the name given there.",
            mime_type=_MIME_TYPE,
        )
        return types.ListResourceTemplatesResult(resource_templates=[template])

    async def read(
        self, ctx: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        """Return one whole result of the caller."""
        name = params.uri.removeprefix(PREFIX)
        content: str | None = None
        try:
            caller = self._find_caller(ctx)
            if caller.keeps and name != params.uri:
                content = await self._code_mode.read_result(name, token=caller.token)
        except PymodeError as error:
            raise _refuse(error) from None
        if content is None:
            # Of another token, gone or never there: one answer for all.
            message = f"there is no resource {params.uri[:100]!r} for this token"
            raise MCPError(code=types.INVALID_PARAMS, message=message)
        text = types.TextResourceContents(uri=params.uri, mime_type=_MIME_TYPE, text=content)
        return types.ReadResourceResult(contents=[text])


def _refuse(error: PymodeError) -> MCPError:
    return MCPError(code=types.INTERNAL_ERROR, message=str(error))
