"""The operator's rules: which actions are carried out, wait for a person, or are refused.

A rule is one of

    GET,HEAD /zones/**        methods (or *) and a path: `*` one segment, `**` any number
    tag:dns                   each operation with that tag, or with one that begins so (see `bind`)
    zones-get                 the operation with that operationId
    writes                    (in the approve list only) everything that may change something

Deny wins over allow, and allow over approve: an action that needs approval must be allowed as well.
If servers may read a request in several ways, a deny or approve rule has to fit only one of these
readings, and an allow rule has to fit all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from pymode.errors import ConfigError
from pymode.policy.action import Action
from pymode.policy.patterns import Segments, fold_readings, read_path
from pymode.policy.rule import RULE_SYNTAX, Rule, RuleListName, parse, split_words, suggest

if TYPE_CHECKING:
    from pymode.documents.operation import Operation
    from pymode.documents.operations import Operations

Verdict = Literal["allow", "deny", "approve"]

MAX_SHOWN_CHARS = 200
SHOWN_RULES = 5
# No API has longer paths, and each rule looks at each segment of each reading.
SEGMENTS = 256


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to an action.

    Args:
        verdict: "allow" (it is carried out), "deny" (it is not) or "approve" (a person decides).
        rule: the rule that decided, as it was written, and where it stands; "" for none.
        reason: a sentence for the author of the code.
    """

    verdict: Verdict
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one operator; without rules, every action is allowed.

    Args:
        allow: if there are any, an action has to fit one of them.
        deny: an action that fits one of them is refused.
        approve: an action that fits one of them waits for a person.
        read_only: whether everything is refused that may change something.
        read_only_source: where `read_only` was set, for messages.
    """

    allow: tuple[Rule, ...] = ()
    deny: tuple[Rule, ...] = ()
    approve: tuple[Rule, ...] = ()
    read_only: bool = False
    read_only_source: str = "read_only"

    @classmethod
    def parse(
        cls,
        *,
        allow: Iterable[str] = (),
        deny: Iterable[str] = (),
        approve: Iterable[str] = (),
        read_only: bool = False,
    ) -> Rules:
        """Read rules as they are written, such as `Rules.parse(deny=["DELETE /zones/**"])`.

        Raises:
            ConfigError: one of the texts is not a rule.
        """

        def read(texts: Iterable[str], name: RuleListName) -> tuple[Rule, ...]:
            if isinstance(texts, str):
                raise ConfigError(f"{name}: must be a list of rules, not the one text {texts!r}")
            return tuple(parse(text, name) for text in texts)

        lists = read(allow, "allow"), read(deny, "deny"), read(approve, "approve")
        return cls(*lists, read_only=read_only)

    def __bool__(self) -> bool:
        return bool(self.read_only or self.allow or self.deny or self.approve)

    def merge(self, other: Rules) -> Rules:
        """Return these rules joined with others; the result is read-only if either is."""
        source = self if self.read_only else other
        return Rules(
            self.allow + other.allow,
            self.deny + other.deny,
            self.approve + other.approve,
            self.read_only or other.read_only,
            source.read_only_source,
        )

    def bind(self, operations: Iterable[Operation]) -> Rules:
        """Return the rules with their tags and operationIds looked up in a document.

        A rule for a tag that the document does not have stands for all tags that begin with the
        same words: `tag:dns` for "dns_records" and "DNS Settings for a Zone", but not for "DNSSEC".

        Raises:
            ConfigError: the document has no such tag or operationId, so the rule would guard
                nothing.
        """
        rules = (*self.allow, *self.deny, *self.approve)
        if not any(rule.tags or rule.operation_id is not None for rule in rules):
            return self
        known = list(operations)
        ids = {operation.operation_id for operation in known if operation.operation_id}
        tags = {tag.casefold() for operation in known for tag in operation.tags}

        def bind(rule: Rule) -> Rule:
            if rule.operation_id is not None and rule.operation_id not in ids:
                near = suggest(rule.operation_id, ids)
                msg = f"{rule}: the document has no such operationId{near}; {RULE_SYNTAX}"
                raise ConfigError(msg)
            if not rule.tags or rule.tags <= tags:
                return rule
            # A rule has one tag until it is bound, and a bound rule has tags of the document only.
            [wanted] = map(split_words, rule.tags)
            found = {tag for tag in tags if split_words(tag)[: len(wanted)] == wanted}
            if not found or not wanted:
                near = suggest(min(rule.tags), tags)
                raise ConfigError(f"{rule}: the document has no such tag{near}")
            return replace(rule, tags=frozenset(found))

        allow, deny, approve = (
            tuple(map(bind, listed)) for listed in (self.allow, self.deny, self.approve)
        )
        return replace(self, allow=allow, deny=deny, approve=approve)

    def decide(self, action: Action, operations: Operations | None = None) -> Decision:
        """Say what happens to an action.

        Args:
            action: the action; its method, path, operation and GraphQL kind are looked at.
            operations: those of the document, if a server may read the path in another way.
                Without them, a path with several readings fits each deny and approve
                rule for a tag or an operationId, and no such allow rule.
        """
        shown = f"{action.method} {action.path}"[:MAX_SHOWN_CHARS]
        if not self:
            return Decision("allow", "", f"{shown} is allowed: there are no rules")
        view = _Readings(action, operations)
        if self.read_only and view.is_write:
            reason = f"{shown} may change something, and only reads are allowed"
            return Decision("deny", self.read_only_source, f"{reason} ({self.read_only_source})")
        if any(len(segments) > SEGMENTS for segments in view.readings):
            reason = f"{shown} is denied: its path has over {SEGMENTS} segments"
            return Decision("deny", f"at most {SEGMENTS} segments", reason)
        for rule in self.deny:
            if view.may_fit(rule):
                return Decision("deny", str(rule), f"{shown} is denied by the rule {rule}")
        allowing = next((rule for rule in self.allow if view.surely_fits(rule)), None)
        if self.allow and allowing is None:
            listed = "; ".join(map(str, self.allow[:SHOWN_RULES]))
            if len(self.allow) > SHOWN_RULES:
                listed += f"; and {len(self.allow) - SHOWN_RULES} more"
            what = "every reading of its path" if view.is_ambiguous else "it"
            reason = f"{shown} is denied: no allow rule fits {what}. Allowed: {listed}"
            return Decision("deny", f"allow: {listed}", reason)
        for rule in self.approve:
            if view.may_fit(rule):
                reason = f"{shown} needs the approval of a person by the rule {rule}"
                return Decision("approve", str(rule), reason)
        if allowing is not None:
            return Decision("allow", str(allowing), f"{shown} is allowed by the rule {allowing}")
        return Decision("allow", "", f"{shown} is allowed: no rule is against it")


@dataclass(frozen=True)
class _Readings:
    """An action in every way in which a server may read its path."""

    action: Action
    document: Operations | None
    method: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "method", self.action.method.upper())

    @property
    def is_write(self) -> bool:
        return self.action.is_write

    @cached_property
    def readings(self) -> tuple[Segments, ...]:
        return read_path(self.action.path)

    @cached_property
    def folded(self) -> frozenset[Segments]:
        return fold_readings(self.readings)

    @property
    def is_ambiguous(self) -> bool:
        return len(self.readings) > 1

    @cached_property
    def operations(self) -> list[Operation | None]:
        """The operations of all readings, on a server that compares paths exactly."""
        found = [self.action.operation]
        if self.document is not None and self.is_ambiguous:
            found += [self.document.match(self.method, path) for path in self._paths]
        return found

    @cached_property
    def loose_operations(self) -> list[Operation]:
        """The operations of all readings, on a server that ignores case."""
        document = self.document
        if document is None:
            return []
        found = (document.match_in_any_case(self.method, path) for path in self._paths)
        return [operation for operations in found for operation in operations]

    @cached_property
    def _paths(self) -> list[str]:
        """All readings, percent-encoded."""
        return [
            "/" + "/".join(quote(segment, safe=":@!$&'()*+,;=~") for segment in segments)
            for segments in self.readings
        ]

    def _has_method(self, rule: Rule) -> bool:
        # HEAD is GET without the body (RFC 9110, section 9.3.2), so rules for GET hold for HEAD.
        methods = {self.method, "GET"} if self.method == "HEAD" else {self.method}
        return not rule.methods or not methods.isdisjoint(rule.methods)

    def may_fit(self, rule: Rule) -> bool:
        """Say whether some server may read the action as one that this rule fits."""
        if rule.is_writes:
            return self.is_write
        if rule.path is not None:
            return self._has_method(rule) and rule.path.fits_any(self.folded)
        if self.is_ambiguous and self.document is None:
            return True
        return any(map(rule.fits_operation, (*self.operations, *self.loose_operations)))

    def surely_fits(self, rule: Rule) -> bool:
        """Say whether every server reads the action as one that this rule fits."""
        if rule.path is not None:
            return self._has_method(rule) and rule.path.fits_all(self.readings)
        if self.is_ambiguous and self.document is None:
            return False
        return all(map(rule.fits_operation, self.operations))
