"""Makes the tool calls of one approach from the steps of a solution."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic import JsonValue

from benchmarks.counting import compact
from benchmarks.documents import Document
from benchmarks.task import Call, Request, ToolCall
from pymode.documents.document import METHODS

TEMPLATE = re.compile("«([^»]*)»")


@dataclass(frozen=True)
class Written:
    """A tool call as the model writes it."""

    tool: str
    arguments: Mapping[str, Any]

    @property
    def text(self) -> str:
        """Name and arguments as compact JSON, in which tokens are counted."""
        return compact({"name": self.tool, "arguments": self.arguments})


class Writer:
    """Writes the calls of one approach in one task.

    Args:
        approach: its name.
        document: of the API.
        tools: of the session.
    """

    def __init__(
        self, approach: str, document: Document, tools: Sequence[Mapping[str, Any]]
    ) -> None:
        self.approach = approach
        self.names = tool_names(document)
        self.tools = tools
        # `a` holds answers by turn; a[0] is for the searches before the first turn.
        self.known: dict[str, Any] = {"a": [[]], "definitions": tools, "re": re}
        if approach == "raw":
            self.known["document"] = document.data

    def evaluate(self, expression: str, **more: object) -> Any:
        """Return the value of an expression; task files are trusted as much as this code."""
        # All names are globals, because a comprehension does not see the locals of eval.
        return eval(f"({expression.strip()})", {**self.known, **more})

    def write(self, calls: tuple[Call, ...]) -> list[Written]:
        """Return the tool calls of a turn."""
        written = []
        for call in calls:
            items = [None] if call.each is None else self.evaluate(call.each)
            write = self.write_request if isinstance(call, Request) else self.write_tool_call
            written += [write(call, item) for item in items]
        return written

    def write_search(self, query: str) -> Written:
        return Written("search_tools", {"query": query})

    def write_tool_call(self, call: ToolCall, item: object) -> Written:
        value = self.fill(call.arguments, item)
        if not isinstance(value, dict):
            value = {self.only_argument(call.tool): value}
        return Written(call.tool, value)

    def write_request(self, call: Request, item: object) -> Written:
        method, template = call.operation.split(" ", 1)
        path, query = self.fill(call.path, item), self.fill(call.query, item)
        body = self.fill(call.body, item)
        if self.approach == "raw":
            filled = template.format_map({key: quote(str(path[key]), safe="") for key in path})
            arguments = {"method": method, "path": filled, "query": query or None, "body": body}
            return Written("request", {k: v for k, v in arguments.items() if v is not None})
        name = self.names[call.operation]
        # FastMCP makes one flat list of path, query and the fields of a body that is an object.
        fields = body if isinstance(body, dict) else {} if body is None else {"body": body}
        arguments = {**path, **query, **fields}
        if self.approach == "tool-search":
            return Written("call_tool", {"name": name, "arguments": arguments})
        return Written(name, arguments)

    def fill(self, value: JsonValue | Mapping[str, JsonValue], item: object) -> Any:
        """Return a value of the task file with its expressions and templates replaced."""
        if isinstance(value, Mapping):
            return {key: self.fill(inner, item) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.fill(inner, item) for inner in value]
        if isinstance(value, str) and value.startswith("="):
            return self.evaluate(value[1:], item=item)
        if isinstance(value, str):
            return TEMPLATE.sub(lambda m: str(self.evaluate(m[1], item=item)), value.rstrip("\n"))
        return value

    def only_argument(self, tool: str) -> str:
        for listed in self.tools:
            if listed["name"] == tool:
                (required,) = listed["inputSchema"]["required"]
                return str(required)
        raise KeyError(f"there is no tool {tool!r} in the definitions")


def parsed(text: str) -> Any:
    """Return the JSON value of a text, or the text if it is not JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def without_wrap(value: Any) -> Any:
    """Return the API's answer, which FastMCP wraps unless its schema is plainly an object."""
    if isinstance(value, dict) and set(value) == {"result"} and isinstance(value["result"], dict):
        return value["result"]
    return value


def tool_names(document: Document) -> dict[str, str]:
    """Return the names that FastMCP gives to operations, by `METHOD path`.

    A name is the operation id up to a double underscore, with one underscore for other signs, cut
    after 56 characters. FastMCP numbers names that occur twice; the tasks' document has none.
    """
    names = {}
    for path, item in document.data["paths"].items():
        for method in METHODS.intersection(item):
            identifier = str(item[method].get("operationId", "")).split("__")[0]
            slug = re.sub(r"[^a-zA-Z0-9_]", "", re.sub(r"[\s\-.]+", "_", identifier))
            names[f"{method.upper()} {path}"] = re.sub("_+", "_", slug).strip("_")[:56]
    return names
