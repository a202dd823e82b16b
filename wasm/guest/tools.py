"""Namespaces of tools as the code calls them: `await db.query(sql="…")`."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from guest import answers, protocol
from guest.arguments import find_problems
from guest.encode import encode

# The worker and the parent limit a request, too; here the code gets an exception that says so.
MAX_ARGUMENT_BYTES = 16 * 2**20

Ask = Callable[[str, str], str]
Call = Callable[[str, str], Awaitable[str]]


class ToolError(Exception):
    """A tool failed, or could not be called; the subclass of each namespace is named for it."""

    # The subclass for calls that a rule of the operator forbids.
    Refused: type[ToolError]


class Tools:
    """The tools of one namespace.

    It has no public attribute of its own, because any name may be that of a tool, also `run`.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def __repr__(self) -> str:
        name = self._calls.name
        return f'<tools: await {name}.NAME(…); see tools["{name}"]>'

    def __getattr__(self, attribute: str) -> ToolCall:
        if attribute.startswith("_"):
            raise AttributeError(f"{self._calls.name} has no {attribute!r}")
        return ToolCall(self._calls, attribute)


class Calls:
    """Describes and calls the tools of one namespace.

    Args:
        name: of the namespace in the code.
        known: descriptions of tools, by name; others are asked for when they are called.
        ask: takes a target and a payload, blocks, and returns the reply of the host.
        call: the same without blocking.
        error_class: raised for every failure of a tool.
    """

    def __init__(
        self,
        name: str,
        known: Mapping[str, dict[str, Any]],
        ask: Ask,
        call: Call,
        error_class: type[ToolError],
    ) -> None:
        self.name = name
        self._known = dict(known)
        self._ask = ask
        self._call = call
        self._error_class = error_class

    def describe(self, tool: str) -> dict[str, Any]:
        """Return the description of a tool, as it is in `tools`.

        Raises:
            AttributeError: there is no such tool.
            ToolError: the tools of the namespace are not known now.
        """
        if tool not in self._known:
            asked = protocol.ask_for_tool(self.name, tool)
            self._known[tool] = self._read(self._ask(protocol.TOOLS, asked))
        return self._known[tool]

    async def run(self, tool: str, arguments: dict[str, Any]) -> Any:
        """Call a tool; see `ToolCall`."""
        described = self.describe(tool)
        text = encode(arguments, MAX_ARGUMENT_BYTES, {}).text
        problems = find_problems(json.loads(text), described["input_schema"])
        if problems:
            msg = f"{self.name}.{tool}: {'; '.join(problems)}. It is {described['signature']}"
            raise TypeError(msg)
        payload = protocol.write_tool_call(tool, text)
        return self._read(await self._call(self.name, payload))

    def run_now(self, payload: str) -> Any:
        """Call a tool, whose call is written already, without letting other tasks run."""
        return self._read(self._ask(self.name, payload))

    def _read(self, text: str) -> Any:
        reply = protocol.read_reply(text)
        if reply.failure is None:
            if answers.is_too_deep(reply.body):
                raise self._error_class("the result is nested too deep to be read")
            return _DECODER.decode(reply.body)
        kind, message = reply.failure.kind, reply.failure.message
        # What Python itself raises for a name, or for arguments, that a function does not have.
        if kind == "unknown":
            raise AttributeError(message)
        if kind == "arguments":
            raise TypeError(message)
        raise (self._error_class.Refused if kind == "rule" else self._error_class)(message)


class ToolCall:
    """One tool; call it with its arguments by name, in their order, or as one dict."""

    def __init__(self, calls: Calls, name: str) -> None:
        self._calls = calls
        self._name = name

    def __repr__(self) -> str:
        return f"<await {self._calls.describe(self._name)['signature']}>"

    async def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Return what the tool returns.

        Raises:
            TypeError: the arguments do not fit its schema; nothing was called.
            AttributeError: there is no such tool.
            ToolError: it failed.
        """
        return await self._calls.run(self._name, self._bind(args, keywords))

    def _bind(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
        if not args:
            return keywords
        schema = self._calls.describe(self._name)["input_schema"]
        names = order_parameters(schema)
        # MCP clients pass arguments as one dict, and models write what they know from there.
        is_one_dict = len(args) == 1 and not keywords and isinstance(args[0], dict)
        if is_one_dict and (not names or set(args[0]) & set(names)):
            only: dict[str, Any] = args[0]
            return only
        if len(args) > len(names) or set(names[: len(args)]) & set(keywords):
            described = self._calls.describe(self._name)["signature"]
            raise TypeError(f"too many arguments, or one twice: it is {described}")
        return dict(zip(names, args, strict=False)) | keywords


def read_all(text: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the descriptions of all tools: by namespace, then by name.

    Namespaces that cannot be listed now are empty, and say so in what is printed.

    Raises:
        ToolError: nothing can be listed now.
    """
    reply = protocol.read_reply(text)
    if reply.failure is not None:
        raise ToolError(f"tools cannot be listed: {reply.failure.message}")
    for note in reply.head.get("notes", ()):
        print(note)  # noqa: T201 - the model reads what is printed
    tools: dict[str, dict[str, dict[str, Any]]] = json.loads(reply.body)
    return tools


def order_parameters(schema: Mapping[str, Any]) -> list[str]:
    """Return the parameters in the order of the signature: the required ones first."""
    properties = schema.get("properties")
    names = list(properties) if isinstance(properties, dict) else []
    required = schema.get("required")
    needed = {n for n in required if isinstance(n, str)} if isinstance(required, list) else set()
    return sorted(names, key=lambda name: name not in needed)


def make(
    name: str, title: str, known: Mapping[str, dict[str, Any]], ask: Ask, call: Call
) -> tuple[Tools, type[ToolError]]:
    """Make the object of a namespace and its error class.

    Args:
        name: such as "db".
        title: the name of the error class, such as "DbError".
        known: descriptions of its tools, as far as they came with the call.
        ask: takes a target and a payload, blocks, and returns the reply of the host.
        call: the same without blocking.
    """
    text = f"A tool of {name} failed, or could not be called."
    error_class: type[ToolError] = type(
        title, (ToolError,), {"__doc__": text, "__module__": "builtins"}
    )
    text = f"A rule of the operator is against a call of {name}; nothing was called."
    error_class.Refused = type(
        title.replace("Error", "Refused"),
        (error_class,),
        {"__doc__": text, "__module__": "builtins"},
    )
    return Tools(Calls(name, known, ask, call, error_class)), error_class


def _restore(value: dict[str, Any]) -> Any:
    """Bring back bytes, which travel as `{"$bytes": "<base64>"}`."""
    if len(value) == 1 and isinstance(value.get("$bytes"), str):
        try:
            return base64.b64decode(value["$bytes"], validate=True)
        except ValueError:
            # A tool may return a dict that only looks like bytes.
            return value
    return value


# Made once: `json.loads` would make one for each reply, which takes longer than a short reply.
_DECODER = json.JSONDecoder(object_hook=_restore)
