"""A `SandboxProvider` for FastMCP's `CodeMode`, so that its code runs in a whole CPython."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import secrets
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from pymode.adapters import load
from pymode.adapters.prelude import name_calls, put_before, renumber_lines
from pymode.call.answer import failure
from pymode.codemode import CodeMode
from pymode.errors import CodeError, ConfigError, PymodeError
from pymode.limits import Limits
from pymode.tools.tool import ToolFailed

PACKAGE = "fastmcp"
# FastMCP does not shorten an error in its answer, so it is shortened here.
ERROR_TOKENS = 6_000
# A cancelled run kills its worker; this bounds the wait for that.
STOP_SECONDS = 5.0
# The namespace is called so for the name of its error: ToolError, as in FastMCP.
NAMESPACE = "tool"

_log = logging.getLogger(__name__)

Functions = Mapping[str, Callable[..., Any]]


class PymodeSandboxProvider:
    """Runs the code of FastMCP's `CodeMode`, each time in a fresh sandbox.

        FastMCP("shop", transforms=[CodeMode(sandbox_provider=PymodeSandboxProvider())])

    The workers start with the first code. `aclose`, or an `async with` in the server's lifespan,
    ends them.

    Args:
        limits: what each execution may use; its `wall_seconds` count the tools, too.
        workers: the number of sandbox processes; see `CodeMode`.
    """

    def __init__(self, *, limits: Limits | None = None, workers: int | None = None) -> None:
        self._limits = limits
        self._workers = workers
        self._opened: tuple[asyncio.AbstractEventLoop, CodeMode] | None = None
        self._running: dict[str, Functions] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the workers; later code starts new ones."""
        if self._opened is not None:
            (_, code_mode), self._opened = self._opened, None
            await code_mode.close()

    async def run(
        self,
        code: str,
        *,
        inputs: dict[str, Any] | None = None,
        external_functions: dict[str, Callable[..., Any]] | None = None,
    ) -> Any:
        """Return what the code returns, as JSON values, or what it printed if it returns nothing.

        Args:
            code: of a model.
            inputs: JSON values that the code finds by name.
            external_functions: what it may call, as asynchronous functions of that name.

        Raises:
            ConfigError: a name cannot be one in Python.
            ToolError: FastMCP's; the code or the sandbox failed, and the message is for the model.
        """
        functions = external_functions or {}
        # The code could not guess the key of another run, whose functions are not for it.
        key = secrets.token_hex(16)
        text, lines = put_before(_write_prelude(key, inputs or {}, functions), code)
        self._running[key] = functions
        try:
            result = await _run_apart(self._open().execute(text))
        except PymodeError as error:
            logs = error.logs if isinstance(error, CodeError) else ""
            told = name_calls(renumber_lines(str(error), lines), NAMESPACE)
            message = failure(told, logs, ERROR_TOKENS)
            raise load("fastmcp.exceptions", PACKAGE).ToolError(message) from error
        finally:
            del self._running[key]
        return result.value if result.value is not None or not result.logs else result.logs

    def _open(self) -> CodeMode:
        """Return the workers of this event loop; those of an earlier one ended with it."""
        loop = asyncio.get_running_loop()
        if self._opened is None or self._opened[0] is not loop:

            async def call(
                run: str, name: str, arguments: list[Any], keywords: dict[str, Any]
            ) -> Any:
                return await self._call(run, name, arguments, keywords)

            functions = {NAMESPACE: [call]}
            code_mode = CodeMode(functions=functions, limits=self._limits, workers=self._workers)
            self._opened = loop, code_mode
        return self._opened[1]

    async def _call(
        self, key: str, name: str, arguments: list[Any], keywords: dict[str, Any]
    ) -> Any:
        functions = self._running.get(key, {})
        if name not in functions:
            raise ToolFailed(f"there is no function {name[:60]!r}")
        try:
            value = functions[name](*arguments, **keywords)
            return await value if inspect.isawaitable(value) else value
        except load("fastmcp.exceptions", PACKAGE).FastMCPError as error:
            # Their texts are for the model, and say by themselves what they are.
            raise ToolFailed(str(error)) from None


def _write_prelude(key: str, inputs: Mapping[str, Any], functions: Functions) -> str:
    """Write one line of Python that gives the code its names."""
    parts = [f"_call = {NAMESPACE}.call"]
    for name in (*inputs, *functions):
        if not name.isidentifier():
            raise ConfigError(f"{name!r} is not a name that code can use")
    # A JSON value that was read again has a repr that is Python.
    parts += [f"{name} = {json.loads(json.dumps(value))!r}" for name, value in inputs.items()]
    parts += [f"{name} = lambda *a, **k: _call({key!r}, {name!r}, a, k)" for name in functions]
    return "; ".join(parts) + "\n"


async def _run_apart(call: Any) -> Any:
    """Await the call in a task of its own, so that a cancellation reaches it exactly once.

    anyio, on which FastMCP runs, cancels again at each await; see `pymode.server.tools`.
    """
    import anyio

    task = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.cancel()
        with anyio.move_on_after(STOP_SECONDS, shield=True):
            await asyncio.wait({task})
        raise
