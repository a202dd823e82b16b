"""The namespace of functions or of an MCP server: the host judges, calls and answers each call."""

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
        tool: that is called.
        arguments: with their bytes.
        written: the arguments as the guest wrote them, as JSON values.
    """

    tool: Tool = field(kw_only=True)
    arguments: Mapping[str, Any] = field(kw_only=True)
    written: Mapping[str, Any] = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool returned.

    Args:
        content: as JSON.
        dry_run: whether the tool was not called, because of a dry run.
    """

    content: str
    dry_run: bool = False


class _Malformed(Exception):
    """The guest did not write a call of a tool."""


class ToolNamespace:
    """The calls of one run to one group of tools; see `pymode.actions.namespace.Namespace`.

    Args:
        name: of the namespace.
        toolbox: has the tools.
        rules: of the operator.
    """

    failures = (_Malformed, UnknownTool, ToolFailed, RequestRefused)

    def __init__(self, name: str, toolbox: Toolbox, rules: Rules | None = None) -> None:
        self.name = name
        self._toolbox = toolbox
        self._rules = rules or Rules()

    async def read(self, payload: str, context: Context) -> ToolAction:
        """Read one call of the guest."""
        try:
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
        """Judge a call by the rules."""
        decision = self._decide(action)
        if decision.verdict == "deny":
            raise RuleRefused(f"{decision.reason}; nothing was called")
        if decision.verdict == "approve":
            return replace(action, held_by=decision.rule)
        return action

    def _decide(self, action: ToolAction) -> Decision:
        """Judge a call by the tool's name; rules that forbid may also use the source's own name.

        Two titles of a source can come to one name. The later tool then gets a number, and the
        source decides which one is later. A rule written for the title meant this tool.
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
        """Return null: nobody knows what the tool would have returned."""
        return ToolResult("null", dry_run=True)

    def ask(self, action: ToolAction) -> tuple[Question, str]:
        """Return what to ask a person, and the digest of the exact call.

        A person approves this tool with this description and schema, whatever has its name by the
        time of the call.
        """
        tool, arguments = action.tool, self.show(action).encode()
        known = json.dumps([tool.title, tool.description, tool.input_schema])
        exact = digest(action.path.encode(), known.encode(), arguments)
        summary = tool.description.partition("\n")[0]
        return ask_about_tool(action, tool.title, summary, arguments, exact), exact

    async def carry_out(self, action: ToolAction, context: Context) -> ToolResult:
        """Call a tool, and note the call whatever happens."""
        started = time.perf_counter()
        ended: Literal["", "returned", "raised"] = ""
        try:
            source = self._toolbox.sources[self.name]
            value = await source.call(action.tool, action.arguments, context)
            ended = "returned"
        except ToolFailed:
            ended = "raised"
            raise
        except asyncio.CancelledError:
            raise
        except Exception:
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
        max_bytes = context.limits.response_bytes
        if wire.is_small(value):
            return ToolResult(wire.write(value, max_bytes))
        return ToolResult(await asyncio.to_thread(wire.write, value, max_bytes))

    def end(self, result: ToolResult) -> End:
        """Name the end of a call that returned."""
        return End("returned")

    def end_of_failure(self, error: BaseException) -> End:
        """Name the end of a call that failed; nobody knows how a cancelled one ended."""
        return End("raised") if isinstance(error, Exception) else End()

    def write(self, result: ToolResult) -> str:
        """Write the reply with what a tool returned."""
        return Value(result.content, dry_run=result.dry_run).write()

    def write_failure(self, error: Exception) -> str:
        """Write the reply for a call without a result."""
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
