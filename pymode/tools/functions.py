"""Python functions as tools: type hints give the schema, and the docstring the description."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import ArgsKwargs

from pymode.actions.context import Context
from pymode.errors import ConfigError
from pymode.namespaces import Kind, check_name
from pymode.tools.signature import signature
from pymode.tools.tool import Tool, ToolFailed

# The most threads of one namespace. Each call of a function that is not asynchronous has a thread
# of its own, and keeps it if the function never returns.
MAX_THREADS = 32
MAX_MESSAGE_CHARS = 2_000

_MARK = "pymode_only_reads"

Callback = TypeVar("Callback", bound=Callable[..., Any])

_log = logging.getLogger(__name__)


def only_reads(function: Callback) -> Callback:
    """Mark a function as one that changes nothing, so read-only rules and dry runs allow its calls.

    Args:
        function: the function. It is returned unchanged but for an attribute. Nothing checks that
            it really changes nothing.
    """
    setattr(function, _MARK, True)
    return function


class FunctionsSource:
    """The functions of one namespace; a `pymode.tools.tool.Source`.

    A function that is not asynchronous runs in a thread of its own, so it does not block the event
    loop. If it has not returned when the call ends, it runs on and its result is lost, because
    Python cannot stop a thread.

    Args:
        name: the name of the namespace in the code.
        functions: the functions; no two have the same name.

    Raises:
        ConfigError: the name cannot be used, or a function cannot be a tool.
    """

    kind: Kind = "functions"

    def __init__(self, name: str, functions: Iterable[Callable[..., Any]]) -> None:
        self.name = check_name(name)
        self._functions: dict[str, _Function] = {}
        for function in functions:
            made = _Function(name, function)
            if made.tool.name in self._functions:
                raise ConfigError(f"{name} has two functions called {made.tool.name!r}")
            self._functions[made.tool.name] = made
        self._tools = {name: function.tool for name, function in self._functions.items()}
        self._threads = 0

    async def open(self) -> None:
        """Do nothing: functions need no start."""

    async def aclose(self) -> None:
        """Do nothing: functions need no end."""

    async def list(self) -> Mapping[str, Tool]:
        """Return the functions as tools, by name."""
        return self._tools

    async def call(self, tool: Tool, arguments: Mapping[str, Any], context: Context) -> Any:
        """Call a function and return what it returns; see `pymode.tools.tool.Source`.

        Raises:
            ToolFailed: the arguments are wrong, the function raised or had not returned at the
                deadline, or no thread is free.
        """
        function = self._functions[tool.name]
        args, keywords = function.bind(arguments)
        try:
            async with asyncio.timeout_at(context.deadline):
                if function.is_async:
                    return await function.target(*args, **keywords)
                return await self._run_in_thread(function, args, keywords)
        except TimeoutError:
            # Before the deadline, the function itself raised it.
            if asyncio.get_running_loop().time() < context.deadline:
                raise ToolFailed("TimeoutError: the function gave up waiting") from None
            raise ToolFailed("the function was not done when the call ended") from None
        except ToolFailed:
            raise
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Nobody cancelled this call: the function waited for a task that was cancelled.
            raise ToolFailed("CancelledError: what the function waited for was cancelled") from None
        except GeneratorExit:
            # This coroutine is being closed, which must not be turned into another exception.
            raise
        except BaseException as error:
            # This includes SystemExit, which would end the event loop and all other calls with it.
            _log.debug("%s.%s raised", self.name, tool.name, exc_info=error)
            raise ToolFailed(_describe_error(error)) from None

    async def _run_in_thread(
        self, function: _Function, args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Any:
        if self._threads >= MAX_THREADS:
            msg = (
                f"{self._threads} calls of {self.name} have not returned; there are no more threads"
            )
            raise ToolFailed(msg)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        run = functools.partial(contextvars.copy_context().run, function.target, *args, **keywords)

        def settle(value: Any, error: BaseException | None) -> None:
            self._threads -= 1
            if done.cancelled():
                return
            if error is None:
                done.set_result(value)
            # A future refuses StopIteration.
            elif isinstance(error, Exception) and not isinstance(error, StopIteration):
                done.set_exception(error)
            else:
                done.set_exception(ToolFailed(_describe_error(error)))

        def work() -> None:
            value, failure = None, None
            try:
                value = run()
            except BaseException as error:
                failure = error
            try:
                loop.call_soon_threadsafe(settle, value, failure)
            except RuntimeError:
                _log.debug("%s returned after its event loop had ended", function.tool.name)

        self._threads += 1
        # A daemon thread, because a function that never returns must not keep the process alive.
        threading.Thread(target=work, name=f"pymode {function.tool.name}", daemon=True).start()
        value = await done
        # A function without `async` may return an awaitable all the same, as many wrappers do.
        return await value if inspect.isawaitable(value) else value


class _Function:
    """One function as a tool, and the check of its arguments."""

    def __init__(self, namespace: str, target: Callable[..., Any]) -> None:
        name = getattr(target, "__name__", "")
        if not callable(target) or not name.isidentifier() or name.startswith("_"):
            shown = name or type(target).__name__
            msg = f"{namespace}: {shown!r} cannot be a tool; give a function with a public name"
            raise ConfigError(msg)
        self.target = target
        self.is_async = inspect.iscoroutinefunction(target)
        try:
            self._arguments: TypeAdapter[Any] = TypeAdapter(cast(Any, _capture(target)))
            schema = self._arguments.json_schema()
        except (PydanticUserError, ValueError, TypeError, NameError) as error:
            reason = str(error).partition("\n")[0]
            msg = f"{namespace}.{name}: its parameters have no JSON Schema: {reason}"
            raise ConfigError(msg) from None
        if schema.get("type") != "object":
            msg = f"{namespace}.{name}: its parameters must be ones that can be given by name"
            raise ConfigError(msg)
        output = _describe_result(target)
        description = inspect.getdoc(target) or ""
        written = signature(name, schema, output)
        is_read = getattr(target, _MARK, False) is True
        self.tool = Tool(name, name, description, schema, output, written, is_read)

    def bind(self, arguments: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the positional and the keyword arguments, converted by the type hints.

        Raises:
            ToolFailed: they do not fit; the message names at most five problems and the signature.
        """
        try:
            given = ArgsKwargs((), dict(arguments))
            args, keywords = self._arguments.validate_python(given)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, each['loc'])) or 'arguments'}: {each['msg']}"
                for each in error.errors(include_url=False, include_input=False)[:5]
            )
            raise ToolFailed(f"{problems}. It is {self.tool.signature}") from None
        return args, keywords


def _capture(target: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that has the parameters of `target` and returns its arguments.

    With it pydantic checks and converts the arguments without calling `target`.
    """

    @functools.wraps(target)
    def capture(*args: Any, **keywords: Any) -> Any:
        return args, keywords

    # `capture` returns arguments, so the return hint of `target` is not true of it.
    hints = {k: v for k, v in getattr(target, "__annotations__", {}).items() if k != "return"}
    capture.__annotations__ = hints
    return capture


def _describe_error(error: BaseException) -> str:
    # `str(error)` runs code of whoever wrote the exception, which may fail.
    try:
        return f"{type(error).__name__}: {error}"[:MAX_MESSAGE_CHARS]
    except Exception:
        return f"{type(error).__name__}, which does not say what is wrong"


def _describe_result(target: Callable[..., Any]) -> dict[str, Any] | None:
    hint = inspect.signature(target).return_annotation
    if isinstance(hint, str):
        try:
            hint = inspect.get_annotations(target, eval_str=True).get("return")
        except Exception:
            return None
    if hint is inspect.Signature.empty:
        return None
    try:
        return TypeAdapter(hint).json_schema(mode="serialization")
    except (PydanticUserError, ValueError, TypeError, NameError):
        return None
