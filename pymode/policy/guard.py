"""What stands between a request of the code and the API: the document, the rules, the check."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl

from pymode.apis.outgoing import Outgoing
from pymode.apis.reply import is_json
from pymode.documents.operations import Operation, Operations
from pymode.errors import RequestRefused, RuleRefused
from pymode.policy import check, graphql
from pymode.policy.overrides import check_overrides
from pymode.policy.rules import Judged, Rules, is_write

Check = Literal["warn", "strict", "off"]

# A larger body is sent unchecked: parsing it would cost the host ten times its size.
CHECKED_BODY_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known of a request before it is sent.

    Args:
        operation: that of the document, if it has one.
        is_write: whether it may change something.
        idempotent: whether it may be done twice; None leaves that to the method.
        checked: the request as the check sees it.
        approval: the rule by which a person must approve it; "" if nobody must.
    """

    operation: Operation | None
    is_write: bool
    idempotent: bool | None
    checked: check.Checked
    approval: str = ""


@dataclass(frozen=True, slots=True)
class Guard:
    """Judges requests, and explains refusals of the API.

    Args:
        operations: of the document.
        rules: of the operator.
        check: "warn" explains what the API refused, "strict" refuses what the document speaks
            against, "off" does neither.
    """

    operations: Operations
    rules: Rules
    check: Check = "warn"

    def judge(self, outgoing: Outgoing, target: str) -> Judgement:
        """Let a request pass, or refuse it.

        Args:
            outgoing: the request as the code wants it.
            target: its path and query as they will be sent, below the base URL.

        Raises:
            RequestRefused: it is surely wrong, or wrong by the document and the check is strict.
            RuleRefused: a rule of the operator is against it.
        """
        path, _, query = target.partition("?")
        check_overrides(outgoing, query)
        operation = self.operations.match(outgoing.method, path)
        kind = graphql.judge(outgoing, target, operation)
        judged = Judged(outgoing.method, path, kind)
        decision = self.rules.decide(judged, operation, self.operations.match)
        if decision.verdict == "deny":
            raise RuleRefused(f"{decision.reason}; nothing was sent")
        checked = check.Checked(
            outgoing.method,
            path,
            parse_qsl(query, keep_blank_values=True),
            outgoing.headers,
            _parse_body(outgoing),
            _content_type(outgoing),
        )
        if self.check == "strict" and (wrong := check.before(checked, self.operations)):
            raise RequestRefused(f"{'; '.join(wrong)}; nothing was sent")
        writes = is_write(outgoing.method, kind)
        is_mutation_by_get = writes and outgoing.method in ("GET", "HEAD")
        idempotent = False if is_mutation_by_get else None
        approval = decision.rule if decision.verdict == "approve" else ""
        return Judgement(operation, writes, idempotent, checked, approval)

    def advise(self, judgement: Judgement, status: int) -> str:
        """Say what the document knows about a refusal of the API; "" for nothing."""
        if self.check == "off":
            return ""
        return check.advice(judgement.checked, status, self.operations)


def _content_type(outgoing: Outgoing) -> str:
    if outgoing.files:
        return "multipart/form-data"
    return outgoing.headers.get("content-type", "") if outgoing.content is not None else ""


def _parse_body(outgoing: Outgoing) -> object | None:
    media_type = outgoing.headers.get("content-type", "").partition(";")[0].strip().lower()
    content = outgoing.content
    if content is None or len(content) > CHECKED_BODY_BYTES or not is_json(media_type):
        return None
    try:
        return json.loads(content)  # type: ignore[no-any-return]  # any JSON value
    except (ValueError, RecursionError):
        return None
