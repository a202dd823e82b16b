"""One rule: how it is written, and the operations that it names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pymode.errors import ConfigError
from pymode.policy.patterns import PathPattern

if TYPE_CHECKING:
    from pymode.documents.operation import Operation

RuleListName = Literal["allow", "deny", "approve"]

LISTS: tuple[RuleListName, ...] = ("allow", "deny", "approve")
# The last two are calls of tools: CALL /namespace/tool, or READ where the tool only reads.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CALL", "READ")
MAX_SHOWN_CHARS = 200

RULE_SYNTAX = (
    'write "GET /zones/**" (methods or *, then a path; * is one segment, ** any number),'
    ' "tag:dns" or an operationId'
)
METHODS_AND_PATH = re.compile(r"([A-Za-z*]+(?:\s*,\s*[A-Za-z*]+)*)\s+(\S+)")
OPERATION_ID = re.compile(r"[^\s*?#{}/\\][^\s*?#{}\\]*")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `parse` makes it.

    Args:
        text: as the operator wrote it.
        source: where it stands, such as "--deny" or "deny in pymode.toml".
        methods: the methods that it is for; empty for all.
        path: the path pattern, if it is a rule for paths.
        tags: the tags in lower case, if it is a rule for tags; an operation needs one of them.
        operation_id: the operationId, if it is a rule for one operation.
    """

    text: str
    source: str
    methods: frozenset[str] = frozenset()
    path: PathPattern | None = None
    tags: frozenset[str] = frozenset()
    operation_id: str | None = None

    def __str__(self) -> str:
        return f"{self.text} ({self.source})"

    @property
    def is_writes(self) -> bool:
        """Whether the rule is `writes`: every action that may change something."""
        return self.path is None and not self.tags and self.operation_id is None

    def fits_operation(self, operation: Operation | None) -> bool:
        """Say whether the rule names this operation, by its tag or its operationId."""
        if operation is None:
            return False
        if self.tags:
            return any(tag.casefold() in self.tags for tag in operation.tags)
        return operation.operation_id == self.operation_id


def parse(text: str, where: RuleListName = "deny", source: str = "") -> Rule:
    """Read one rule.

    Args:
        text: such as "GET /zones/**", "tag:dns", "zones-get" or, in the approve list, "writes".
        where: the list that the rule stands in.
        source: what errors and refusals call that list; its name by default.

    Raises:
        ConfigError: the text is not a rule; the message shows how to write one.
    """
    source = source or where
    text = text.strip()
    failed = f"{source}: {text[:MAX_SHOWN_CHARS]!r} is not a rule"
    if text.lower() == "writes":
        if where == "approve":
            return Rule(text, source)
        raise ConfigError(f"{failed} here; writes can be approved, or denied with read_only")
    if text[:4].lower() == "tag:":
        if tag := text[4:].strip():
            return Rule(text, source, tags=frozenset({tag.casefold()}))
        raise ConfigError(f"{failed}: the tag is missing; {RULE_SYNTAX}")
    if written := METHODS_AND_PATH.fullmatch(text):
        try:
            methods = _read_methods(written[1])
            return Rule(text, source, methods, path=PathPattern.parse(written[2]))
        except ConfigError as error:
            raise ConfigError(f"{failed}: {error}; {RULE_SYNTAX}") from None
    if text.startswith("/"):
        raise ConfigError(f'{failed}: it has no method; write "* {text[:MAX_SHOWN_CHARS]}" for all')
    if text.upper() in METHODS or not OPERATION_ID.fullmatch(text):
        raise ConfigError(f"{failed}; {RULE_SYNTAX}")
    return Rule(text, source, operation_id=text)


def _read_methods(text: str) -> frozenset[str]:
    methods = [method.strip().upper() for method in text.split(",")]
    if methods == ["*"]:
        return frozenset()
    for method in methods:
        if method not in METHODS:
            msg = f"there is no method {method[:20]!r}{suggest(method, METHODS)}"
            raise ConfigError(msg)
    return frozenset(methods)


def split_words(tag: str) -> list[str]:
    """Return the words of a tag, which blanks and punctuation separate."""
    return [word for word in re.split(r"[\W_]+", tag) if word]


def suggest(text: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that suggests a near name; "" if none is near."""
    near = difflib.get_close_matches(text, sorted(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(near)}?" if near else ""
