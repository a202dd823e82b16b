"""A reader for the part of GraphQL that analytics queries use: one query, no fragments."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

MAX_TOKENS = 10_000
MAX_DEPTH = 20

TOKEN = re.compile(
    r"""(?:[\s,\ufeff]|\#[^\n]*)*
    (?P<text>
        "(?:[^"\\\n]|\\.)*"
      | -?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?
      | [_A-Za-z][_0-9A-Za-z]*
      | \.\.\.
      | [{}()\[\]:$!=@|&]
    )""",
    re.VERBOSE,
)
BLANK = re.compile(r"(?:[\s,\ufeff]|#[^\n]*)*\Z")


class QueryError(Exception):
    """A query that cannot be answered at all.

    Args:
        message: what is wrong.
        path: the nodes from the root to it.
    """

    def __init__(self, message: str, path: list[str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path


@dataclass
class Field:
    """One field of a selection; `key` is its alias, or its name."""

    name: str
    key: str
    arguments: dict[str, Any] = field(default_factory=dict)
    selections: list[Field] = field(default_factory=list)


def split_tokens(query: str) -> list[str]:
    """Return the tokens of a query.

    Raises:
        QueryError: a character that starts no token, or too many tokens.
    """
    tokens: list[str] = []
    position = 0
    while match := TOKEN.match(query, position):
        tokens.append(match["text"])
        position = match.end()
        if len(tokens) > MAX_TOKENS:
            raise QueryError(f"query has more than {MAX_TOKENS} tokens")
    if not BLANK.match(query, position):
        raise QueryError(f"syntax error at character {position}")
    return tokens


class Reader:
    """Reads one operation.

    Args:
        query: the text.
        variables: values for `$names`.
    """

    def __init__(self, query: str, variables: dict[str, Any]) -> None:
        self.tokens = split_tokens(query)
        self.position = 0
        self.depth = 0
        self.variables = dict(variables)

    def peek(self) -> str:
        """Return the next token, "" at the end."""
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def take(self, wanted: str | None = None) -> str:
        """Return the next token and move on.

        Raises:
            QueryError: it is not the wanted one, or the query ends.
        """
        token = self.peek()
        if not token or (wanted is not None and token != wanted):
            found = f"'{token}'" if token else "the end of the query"
            raise QueryError(f"syntax error: expected {wanted or 'more'}, found {found}")
        self.position += 1
        return token

    def take_name(self) -> str:
        """Return the next token, which has to be a name."""
        token = self.take()
        if not re.fullmatch(r"[_A-Za-z]\w*", token):
            raise QueryError(f"syntax error: expected a name, found '{token}'")
        return token

    def read_query(self) -> list[Field]:
        """Return the fields at the root.

        Raises:
            QueryError: a syntax error, a mutation, a fragment.
        """
        if self.peek() != "{":
            kind = self.take_name()
            if kind != "query":
                raise QueryError(f"'{kind}' is not supported, only queries are")
            if self.peek() not in ("{", "("):
                self.take_name()
            if self.peek() == "(":
                self.read_definitions()
        fields = self.read_selections()
        if self.peek():
            raise QueryError(f"only one operation is supported, found '{self.peek()}' behind it")
        return fields

    def read_definitions(self) -> None:
        """Read `($name: Type = default)` and fill in the defaults."""
        self.take("(")
        while self.peek() != ")":
            self.take("$")
            name = self.take_name()
            self.take(":")
            while self.peek() == "[":
                self.take()
            self.take_name()
            while self.peek() in ("]", "!"):
                self.take()
            if self.peek() == "=":
                self.take()
                self.variables.setdefault(name, self.read_value())
        self.take(")")

    def read_selections(self) -> list[Field]:
        """Return the fields between braces."""
        self.enter()
        self.take("{")
        fields = []
        while self.peek() != "}":
            if self.peek() in ("...", "@"):
                raise QueryError("fragments and directives are not supported")
            fields.append(self.read_field())
        self.take("}")
        self.depth -= 1
        if not fields:
            raise QueryError("a selection must not be empty")
        return fields

    def enter(self) -> None:
        """Count one level of nesting.

        Raises:
            QueryError: there are more than MAX_DEPTH.
        """
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise QueryError(f"query is nested more than {MAX_DEPTH} levels deep")

    def read_field(self) -> Field:
        """Return one field with its alias, arguments and selections."""
        key = name = self.take_name()
        if self.peek() == ":":
            self.take()
            name = self.take_name()
        read = Field(name, key)
        if self.peek() == "(":
            read.arguments = self.read_pairs("(", ")")
        if self.peek() == "{":
            read.selections = self.read_selections()
        return read

    def read_pairs(self, opening: str, closing: str) -> dict[str, Any]:
        """Return `name: value` pairs between two brackets."""
        self.enter()
        self.take(opening)
        pairs = {}
        while self.peek() != closing:
            name = self.take_name()
            self.take(":")
            pairs[name] = self.read_value()
        self.take(closing)
        self.depth -= 1
        return pairs

    def read_value(self) -> Any:
        """Return one value; an enum value is its name."""
        word = self.peek()
        if word == "{":
            return self.read_pairs("{", "}")
        if word == "[":
            self.enter()
            self.take()
            values = []
            while self.peek() != "]":
                values.append(self.read_value())
            self.take("]")
            self.depth -= 1
            return values
        self.take()
        if word == "$":
            name = self.take_name()
            if name not in self.variables:
                raise QueryError(f"variable ${name} has no value")
            return self.variables[name]
        if word.startswith('"') or word in ("true", "false", "null"):
            return _parse(word)
        return _parse(word) if word[0] in "-0123456789" else word


def _parse(token: str) -> Any:
    try:
        return json.loads(token)
    except ValueError:
        raise QueryError(f"error parsing args: {token[:40]}") from None
