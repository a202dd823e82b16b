"""The namespace of one source of tools: reads, judges, carries out and answers its calls."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import quote

from pymode.actions.context import Context
from pymode.actions.recorder import End
from pymode.actions.sent import SentRequest
from pymode.errors import RequestRefused, RuleRefused
from pymode.policy.action import Action
from pymode.policy.approvals import Question
from pymode.policy.digest import digest
from pymode.policy.questions import ask_about_tool
from pymode.policy.rules import Decision, Rules
from pymode.protocol.replies import Failure, FailureKind, Value
from pymode.tools import wire
from pymode.tools.tool import Tool, ToolFailed
from pymode.tools.toolbox import Toolbox, UnknownTool

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ToolAction(Action):
    """A call of a tool.

    Args:
        tool: the tool that is called.
        arguments: the arguments by name; `{"$bytes": "…"}` is decoded to bytes.
        written: the same arguments as plain JSON values, with `{"$bytes": "…"}` not decoded.
    """

    tool: Tool = field(kw_only=True)
    arguments: Mapping[str, Any] = field(kw_only=True)
    written: Mapping[str, Any] = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool returned.

    Args:
        content: the value as JSON.
        dry_run: whether the tool was not called, because of a dry run.
    """

    content: str
    dry_run: bool = False


class _Malformed(Exception):
    """The payload of a host call is not a call of a tool."""


class ToolNamespace:
    """The namespace of one source of tools in one run; a `pymode.actions.namespace.Namespace`.

    Args:
        name: the name of the namespace in the code.
        toolbox: the tools of all sources.
        rules: the operator's rules; None allows every call.
    """

    failures = (_Malformed, UnknownTool, ToolFailed, RequestRefused)

    def __init__(self, name: str, toolbox: Toolbox, rules: Rules | None = None) -> None:
        self.name = name
        self._toolbox = toolbox
        self._rules = rules or Rules()

    async def read(self, payload: str, context: Context) -> ToolAction:
        """Read a call of a tool from the payload of a host call, which is hostile.

        Raises:
            _Malformed: the payload is not a call, or has too many values or levels.
            UnknownTool: the namespace has no such tool.
            ToolFailed: the tools of the namespace cannot be listed now.
        """
        try:
            # Parsing a large payload on the event loop would make all other calls wait.
            if len(payload) <= wire.SMALL_CHARS:
                name, arguments, written = wire.read_call(payload)
            else:
                name, arguments, written = await asyncio.to_thread(wire.read_call, payload)
        except ToolFailed as error:
            raise _Malformed(f"{error}; nothing was called") from error
        tool = await self._toolbox.find(self.name, name)
        path = f"/{self.name}/{tool.name}"
        return ToolAction(
            "READ" if tool.is_read else "CALL",
            path,
            path,
            tuple(arguments),
            tool=tool,
            arguments=arguments,
            written=written,
        )

    def judge(self, action: ToolAction) -> ToolAction:
        """Return the action, with the rule that asks for a person's approval if one does.

        Raises:
            RuleRefused: a rule of the operator forbids the call.
        """
        decision = self._decide(action)
        if decision.verdict == "deny":
            raise RuleRefused(f"{decision.reason}; nothing was called")
        if decision.verdict == "approve":
            return replace(action, held_by=decision.rule)
        return action

    def _decide(self, action: ToolAction) -> Decision:
        """Judge a call by the tool's name, and by its title if a rule restricts that.

        Two titles of a source can lead to one name. The later tool then gets a number, and the
        source decides which tool that is. So `deny` and `approve` also match the title, which
        always means the same tool. `allow` does not: a title may restrict a call and never
        permit one.
        """
        decision = self._rules.decide(action)
        title = action.tool.title
        if decision.verdict == "deny" or title == action.tool.name:
            return decision
        titled = replace(action, path=f"/{self.name}/{quote(title, safe='')}")
        other = Rules(deny=self._rules.deny, approve=self._rules.approve).decide(titled)
        return decision if other.verdict == "allow" else other

    def show(self, action: ToolAction) -> str:
        """Return the arguments as JSON."""
        return json.dumps(action.written, ensure_ascii=False)

    def pretend(self, action: ToolAction) -> ToolResult:
        """Return null, because nothing shows what the tool would have returned."""
        return ToolResult("null", dry_run=True)

    def ask(self, action: ToolAction) -> tuple[Question, str]:
        """Return what to ask a person, and the digest of the exact call.

        The digest includes the tool's title, description and schema. So an approval does not hold
        for another tool that has the same name by the time of the call.
        """
        tool, arguments = action.tool, self.show(action).encode()
        known = json.dumps([tool.title, tool.description, tool.input_schema])
        exact = digest(action.path.encode(), known.encode(), arguments)
        summary = tool.description.partition("\n")[0]
        return ask_about_tool(action, tool.title, summary, arguments, exact), exact

    async def carry_out(self, action: ToolAction, context: Context) -> ToolResult:
        """Call the tool, and add the call to `context.sent` however it ends.

        Raises:
            ToolFailed: the call failed, or its result cannot be written as JSON.
        """
        started = time.perf_counter()
        ended: Literal["", "returned", "raised"] = ""
        try:
            source = self._toolbox.sources[self.name]
            value = await source.call(action.tool, action.arguments, context)
            ended = "returned"
        except ToolFailed:
            ended = "raised"
            raise
        # After a cancellation `ended` stays empty: nobody knows whether the tool did its work.
        except Exception:
            # An unexpected error is masked: its message may hold a secret.
            ended = "raised"
            _log.exception("the tool %s of %s failed inside", action.tool.name, self.name)
            msg = (
                f"{self.name}.{action.tool.name} failed inside; what happened is in the log of "
                "pymode"
            )
            raise ToolFailed(msg) from None
        finally:
            seconds = time.perf_counter() - started
            sent = SentRequest(
                action.method, action.path, None, seconds, write=action.is_write, ended=ended
            )
            context.sent.append(sent)
        # Too large a result is an error, but the call has taken effect, so it is noted before.
        max_bytes = context.limits.response_bytes
        if wire.is_small(value):
            return ToolResult(wire.write(value, max_bytes))
        return ToolResult(await asyncio.to_thread(wire.write, value, max_bytes))

    def end(self, result: ToolResult) -> End:
        """Return how the log names a call that returned."""
        return End("returned")

    def end_of_failure(self, error: BaseException) -> End:
        """Return how the log names a call that failed; a cancelled one has no known outcome."""
        return End("raised") if isinstance(error, Exception) else End()

    def write(self, result: ToolResult) -> str:
        """Write the reply to the guest with what the tool returned."""
        return Value(result.content, dry_run=result.dry_run).write()

    def write_failure(self, error: Exception) -> str:
        """Write the reply to the guest for one of `failures`."""
        kinds: dict[type[Exception], FailureKind] = {
            UnknownTool: FailureKind.UNKNOWN,
            ToolFailed: FailureKind.TOOL,
            RuleRefused: FailureKind.RULE,
        }
        kind = next(
            (kind for failure, kind in kinds.items() if isinstance(error, failure)),
            FailureKind.REFUSED,
        )
        return Failure(kind, str(error)).write()
