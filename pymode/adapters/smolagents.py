"""smolagents: `search` and `execute` as its synchronous tools, and an executor for `CodeAgent`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pymode.adapters import load, steps
from pymode.adapters.background import Background
from pymode.adapters.memory import KEEPS_LAST, Memory
from pymode.adapters.prelude import is_before, name_calls, renumber_lines
from pymode.apis.openapi import OpenAPI
from pymode.call.result import Result
from pymode.codemode import CodeMode
from pymode.errors import CodeError, CodeRejected, ConfigError, PymodeError
from pymode.tools.functions import only_reads
from pymode.tools.tool import ToolFailed

PACKAGE = "smolagents"
# The namespace of the agent's tools in the sandbox; see `pymode.adapters.steps`.
NAMESPACE = "step_host"

_SANDBOX = """\
The code runs in CPython without files, network, threads and third-party packages; most of the \
standard library can be imported. Call tools without await. What a step assigns, defines and \
imports is there in the next one, as far as it is plain data; nothing of a step that fails is."""

_API = """
`{spec}` is the OpenAPI document of {name}: look up paths in {spec}["paths"][path][method]. \
`await {name}.request(method, path, query=, body=)` sends a request and returns a dict with \
"result"; it adds the token."""


@contextmanager
def open_tools(code_mode: CodeMode, *, max_tokens: int = 6_000) -> Iterator[list[Any]]:
    """Give `search` and `execute` as tools of smolagents, for the time of a `with` block.

    Args:
        code_mode: what runs the code; it is closed at the end.
        max_tokens: budget of one answer.

    Raises:
        ConfigError: smolagents is not installed.
    """
    tool_class = load("smolagents", PACKAGE).Tool
    with Background() as background:
        tools = code_mode.tools(max_tokens=max_tokens)
        try:
            yield [_make_tool(tool_class, background, tool) for tool in tools]
        finally:
            background.run(code_mode.close())


def _make_tool(tool_class: Any, background: Background, function: Callable[..., Any]) -> Any:
    def forward(_self: object, code: str) -> str:
        return str(background.run(function(code)))

    # Not as text: smolagents reads them as they are.
    forward.__annotations__ = {"code": str, "return": str}
    attributes = {
        "name": function.__name__,
        "description": (function.__doc__ or "").partition("\n\nArgs:")[0],
        "inputs": {"code": {"type": "string", "description": "the Python code"}},
        "output_type": "string",
        "forward": forward,
        # It would want the first parameter to be called `self`.
        "skip_forward_signature_validation": True,
    }
    return type(f"{function.__name__.title()}Tool", (tool_class,), attributes)()


class SandboxExecutor:
    """Runs the steps of smolagents' `CodeAgent` in the sandbox, with the agent's tools in scope.

        with SandboxExecutor("cloudflare", token=token) as executor:
            CodeAgent([], model, executor=executor, instructions=executor.instructions)

    Tools run in this process, each in a thread; what goes in and comes out is JSON. Variables,
    functions, classes and imports of a step are kept for the next. One agent at a time.

    Args:
        apis: OpenAPI documents that the code may use, besides the tools; see `CodeMode`.
        options: of `CodeMode`, such as `limits`; `wall_seconds` count the tools of a step, too.

    Raises:
        ConfigError: an option cannot be used.
    """

    def __init__(self, *apis: str | Path | Mapping[str, object] | OpenAPI, **options: Any) -> None:
        functions = {**options.pop("functions", {}), NAMESPACE: self._make_functions()}
        # One agent takes one step at a time.
        self._code_mode = CodeMode(*apis, functions=functions, **{"workers": 1, **options})
        self._background = Background()
        self._tools: dict[str, Callable[..., Any]] = {}
        self._memory = Memory()
        self._final: list[Any] = []
        # smolagents looks here for what was printed before an error.
        self.state: dict[str, Any] = {"_print_outputs": ""}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cleanup()

    @property
    def instructions(self) -> str:
        """What the model should know of the sandbox, for `CodeAgent(instructions=…)`."""
        apis = self._code_mode.apis
        documents = ["spec"] if len(apis) == 1 else [f'specs["{api.name}"]' for api in apis]
        described = zip(apis, documents, strict=True)
        return _SANDBOX + "".join(_API.format(name=a.name, spec=spec) for a, spec in described)

    def send_tools(self, tools: Mapping[str, Callable[..., Any]]) -> None:
        """Take the tools of the agent; it sends them at the start of each run."""
        self._tools = dict(tools)

    def send_variables(self, variables: Mapping[str, Any]) -> None:
        """Take variables that the code finds by name; they must be plain data.

        Raises:
            ConfigError: a value cannot be sent.
        """
        for name, value in variables.items():
            try:
                self._memory.values[name] = json.dumps(steps.pymode_pack(value))
            except (TypeError, ValueError, RecursionError) as error:
                msg = f"the variable {name!r} cannot be sent to the sandbox: {error}"
                raise ConfigError(msg) from None

    def __call__(self, code_action: str) -> Any:
        """Run one step.

        Returns:
            smolagents' `CodeOutput`: the value of the last line, what was printed, and whether
            the step gave the final answer.

        Raises:
            InterpreterError: smolagents'; the code failed, and the message is for the model.
        """
        interpreter = load("smolagents.local_python_executor", PACKAGE)
        self._final.clear()
        output, failed, message = None, False, ""
        try:
            result = self._run(code_action)
            output, logs = result.value, result.logs + self._memory.describe_lost()
        except PymodeError as error:
            logs = error.logs if isinstance(error, CodeError) else ""
            told = renumber_lines(str(error), self._memory.lines).replace(KEEPS_LAST, "")
            failed, message = True, name_calls(told, NAMESPACE)
        self.state["_print_outputs"] = logs
        if self._final:
            return interpreter.CodeOutput(output=self._final[0], logs=logs, is_final_answer=True)
        if failed:
            raise interpreter.InterpreterError(message)
        return interpreter.CodeOutput(output=output, logs=logs, is_final_answer=False)

    def forget(self) -> None:
        """Forget the variables of earlier steps; smolagents keeps them from one run to the next."""
        self._memory = Memory()

    def cleanup(self) -> None:
        """End the sandbox; smolagents calls it at the end of `with agent:`."""
        if not self._background.closed:
            self._background.run(self._code_mode.close())
            self._background.close()

    def _run(self, code: str) -> Result:
        text = self._memory.write(code, self._tools)
        try:
            return self._background.run(self._code_mode.execute(text))
        except CodeRejected as error:
            # Nothing has run yet. Either a definition was not copied as it stood, or the error
            # should show the last line as the model wrote it.
            not_copied = is_before(str(error), self._memory.lines)
            if not_copied:
                self._memory.forget_definitions()
            text = self._memory.write(code, self._tools, keep_last=not_copied)
            return self._background.run(self._code_mode.execute(text))

    def _make_functions(self) -> list[Callable[..., Any]]:
        """Return the functions that the lines before a step call; see `pymode.adapters.steps`."""

        def call(name: str, positional: list[Any], keywords: dict[str, Any]) -> Any:
            if name not in self._tools:
                raise ToolFailed(f"there is no tool {name[:60]!r}")
            value = self._tools[name](*positional, **keywords)
            if name != "final_answer":
                return value
            self._final[:] = [value]
            return None

        def remember() -> dict[str, str]:
            return self._memory.values

        def keep(
            values: dict[str, str],
            defined: dict[str, tuple[int, int]],
            names: list[str],
            lost: list[str],
        ) -> None:
            self._memory.keep(values, defined, names, lost)

        # What the executor itself needs is held back by no rule; `call` is judged.
        return [call, only_reads(remember), only_reads(keep)]
