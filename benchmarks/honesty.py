"""Checks that a run uses only what the model has read.

They look at ids and names in the calls, and at the requests that reached the simulated API. Writers
of tasks must follow the other rules of `tasks/RULES.md` themselves.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import parse_qsl

from benchmarks.documents import Document
from benchmarks.turns import Written, tool_names

PREFIX = "/client/v4"
ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
HOLE = re.compile(r"/\{[^{}]*\}")
COMMAND = re.compile(r"\bapi ([a-z][\w-]*) ([a-z][\w-]*)")
QUERY = re.compile(r"""--query[ =](?:'([^']*)'|"([^"]*)"|(\S+))""")
# Literals of JMESPath, and names in it that are neither a function nor a new key.
LITERAL = re.compile(r"'[^']*'|`[^`]*`")
SELECTED = re.compile(r"(?<![\w@])[A-Za-z_]\w*+(?![(:])")
OPTION = re.compile(r"(?<=\s)--[a-z][\w.-]*")
# Rule 2: everybody knows these.
KNOWN = ("id", "name", "result")
# These approaches name an operation by its path, the others by a tool or a command.
BY_PATH = ("raw", "pymode")
# Not written by the model: pymode's host looks up the account for code that uses `account_id`.
OF_THE_HOST = {"pymode": ("GET /accounts",)}


class Unread(Exception):
    """A call uses something that the model has not read."""


class Honesty:
    """The checks of one run.

    Args:
        approach: its name.
        document: of the API.
    """

    def __init__(self, approach: str, document: Document) -> None:
        self.approach = approach
        self.names = tool_names(document)
        self.patterns = [
            (operation, re.compile(re.sub(r"\\\{.*?\\\}", "[^/]+", re.escape(operation))))
            # Fixed segments come first, because /dns_records/export is not a record.
            for operation in sorted(self.names, key=lambda operation: operation.count("{"))
        ]

    def check_calls(self, calls: Sequence[Written], read: str) -> None:
        """Check the calls of one turn before they are made.

        Raises:
            Unread: `read` lacks an id, a command, an option, or a field in code.
        """
        for call in calls:
            for found in ID.findall(call.text):
                require(found in read, f"the id {found}")
            for name in self.names_in(call):
                require(name in KNOWN or has_word(read, name), f"the name {name!r}")

    def names_in(self, call: Written) -> Iterator[str]:
        if call.tool == "bash":
            command = str(call.arguments["command"])
            for pair in COMMAND.findall(command):
                yield from pair
            yield from OPTION.findall(command)
            for quoted in QUERY.findall(command):
                yield from SELECTED.findall(LITERAL.sub("", "".join(quoted)))
        elif call.tool == "execute":
            yield from fields_in(str(call.arguments["code"]))
        elif call.tool == "request":
            yield from names_of(call.arguments.get("query"))
            yield from names_of(call.arguments.get("body"))
        elif self.approach == "classic-mcp":
            yield call.tool
            yield from call.arguments
        elif call.tool == "call_tool":
            yield str(call.arguments["name"])
            yield from call.arguments["arguments"]

    def check_requests(self, requests: Sequence[Mapping[str, object]], read: str) -> None:
        """Check the requests that reached the API in one turn.

        Raises:
            Unread: `read` lacks an operation or the name of a query parameter.
        """
        if self.approach == "cli":
            return  # its commands and options were checked
        paths = HOLE.sub("/{}", read) if self.approach in BY_PATH else ""
        for request in requests:
            operation = self.operation_of(request)
            if operation in OF_THE_HOST.get(self.approach, ()):
                continue
            path = HOLE.sub("/{}", operation.split(" ", 1)[1])
            by_path = self.approach in BY_PATH
            is_read = has_path(paths, path) if by_path else has_word(read, self.names[operation])
            require(is_read, f"the operation {operation}")
            for name, _ in parse_qsl(str(request["query"]), keep_blank_values=True):
                require(has_word(read, name), f"the query parameter {name!r}")

    def operation_of(self, request: Mapping[str, object]) -> str:
        path = str(request["path"]).removeprefix(PREFIX)
        line = f"{request['method']} {path}"
        for operation, pattern in self.patterns:
            if pattern.fullmatch(line):
                return operation
        raise Unread(f"{line} is not an operation of the document")


def require(is_read: bool, what: str) -> None:
    if not is_read:
        raise Unread(f"{what} was used before it was read")


def has_word(text: str, word: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


def has_path(text: str, path: str) -> bool:
    return re.search(rf"(?<![\w/}}]){re.escape(path)}(?![\w/{{-])", text) is not None


def names_of(value: object) -> Iterator[str]:
    """Yield the keys of a value that is an object."""
    if isinstance(value, Mapping):
        yield from map(str, value)


def fields_in(code: str) -> Iterator[str]:
    """Yield the names that Python code reads or sends.

    It reads with `x["name"]` and `x.get("name")`, and sends keys of dicts in a call's arguments.
    """
    # Code with a bare `return` or `await` parses inside a function only.
    inside = "async def main():\n" + textwrap.indent(code, "    ")
    for node in ast.walk(ast.parse(inside)):
        if isinstance(node, ast.Subscript):
            yield from constants([node.slice])
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr == "get":
                yield from constants(node.args[:1])
            for value in [*node.args, *(keyword.value for keyword in node.keywords)]:
                if isinstance(value, ast.Dict):
                    yield from constants(value.keys)


def constants(nodes: Sequence[ast.expr | None]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
