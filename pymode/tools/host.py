"""Answers the calls of one run to the tools of one namespace.

A call is judged, held back, approved and recorded as the request `CALL /namespace/tool`, or `READ`
where its source says that it changes nothing. The reply is a line of JSON and then the value:

    {"ok": true}
    {"error": {"kind": "tool" | "rule" | "refused" | "unknown" | "arguments", "message": …}}
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from pymode.actions import Planned, SentRequest
from pymode.apis.outgoing import Outgoing
from pymode.call.journal import digest_call, digest_request
from pymode.errors import LogError, RuleRefused
from pymode.limits import Limits
from pymode.log import Log, OpenCall
from pymode.policy.approvals import Gate
from pymode.policy.questions import write_question
from pymode.policy.rules import Decision, Judged, Rules
from pymode.tools import wire
from pymode.tools.tool import Elicit, Surroundings, Tool, ToolFailed, ToolProgress
from pymode.tools.toolbox import Toolbox, UnknownTool, write_error

PLANNED_CHARS = 2000
# How a tool's end is written where requests have an HTTP status.
RETURNED, RAISED = 200, 500

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ToolConduct:
    """How the calls of one run are treated.

    Args:
        rules: of the operator.
        dry_run: whether what may change something is held back.
        log: where calls are recorded, with the run that they belong to; None records nothing.
        gate: where those pass that a person must approve.
        elicit: asks the person what an upstream server wants to know.
        progress: told how far an upstream server is.
    """

    rules: Rules = field(default_factory=Rules)
    dry_run: bool = False
    log: tuple[Log, OpenCall] | None = None
    gate: Gate = field(default_factory=Gate)
    elicit: Elicit | None = None
    progress: ToolProgress | None = None


class ToolsHost:
    """The calls of one run to one namespace.

    Args:
        name: of the namespace.
        toolbox: has the tools.
        limits: of the run; `response_bytes` and `wall_seconds` are used.
        conduct: how calls are treated.

    After the run, `sent` holds what was called, and `planned` what a dry run held back.
    """

    def __init__(self, name: str, toolbox: Toolbox, limits: Limits, conduct: ToolConduct) -> None:
        self.name = name
        self.sent: list[SentRequest] = []
        self.planned: list[Planned] = []
        self._toolbox = toolbox
        self._limits = limits
        self._conduct = conduct
        self._around: Surroundings | None = None

    async def request(self, payload: str) -> str:
        """Answer one call of the guest; bad input and failures are replies too."""
        try:
            if len(payload) <= wire.SMALL_CHARS:
                name, arguments, written = wire.read_call(payload)
            else:
                name, arguments, written = await asyncio.to_thread(wire.read_call, payload)
        except ToolFailed as error:
            return write_error("refused", f"{error}; nothing was called")
        try:
            tool = await self._toolbox.find(self.name, name)
            return await self._handle(tool, arguments, written)
        except UnknownTool as error:
            return write_error("unknown", str(error))
        except ToolFailed as error:
            return write_error("tool", str(error))
        except RuleRefused as error:
            return write_error("rule", str(error))
        except LogError as error:
            return write_error("refused", f"{error}; nothing was called")

    async def _handle(self, tool: Tool, arguments: Mapping[str, Any], written: Any) -> str:
        """Judge, hold back or call a tool."""
        method = "READ" if tool.is_read else "CALL"
        path = f"/{self.name}/{tool.name}"
        outgoing = Outgoing(method, path, [], {"content-type": "application/json"}, None, None)
        decision = self._decide(method, path, tool)
        if decision.verdict == "deny":
            self._note(outgoing, "denied", decision.reason)
            raise RuleRefused(f"{decision.reason}; nothing was called")
        if self._conduct.dry_run and not tool.is_read:
            shown = json.dumps(written, ensure_ascii=False)[:PLANNED_CHARS]
            self.planned.append(Planned(method, path, shown))
            self._note(outgoing, "dry run", "")
            return '{"ok": true, "dry_run": true}\nnull'
        approval = ""
        if decision.verdict == "approve":
            content = json.dumps(written, ensure_ascii=False).encode()
            approval = await self._approve(replace(outgoing, content=content), tool, decision.rule)
        return await self._record(outgoing, tool, arguments, approval)

    def _decide(self, method: str, path: str, tool: Tool) -> Decision:
        """Judge a call by the name of the tool; what forbids may also name it as its source does.

        Of two titles that come to one name the later gets a number, and which one is later is the
        source's to say: who wrote a rule for the title meant this tool.
        """
        rules = self._conduct.rules
        decision = rules.decide(Judged(method, path), None)
        if decision.verdict == "deny" or tool.title == tool.name:
            return decision
        titled = f"/{self.name}/{quote(tool.title, safe='')}"
        strict = Rules(deny=rules.deny, approve=rules.approve)
        other = strict.decide(Judged(method, titled), None)
        return decision if other.verdict == "allow" else other

    async def _approve(self, outgoing: Outgoing, tool: Tool, rule: str) -> str:
        question = write_question(outgoing, _Described(outgoing.path, tool), rule)
        # What a person approves is this tool, whatever has its name by the time of the call.
        known = json.dumps([tool.title, tool.description, tool.input_schema])
        digest = digest_request(outgoing, f"tools {digest_call(tool.title, known)}")
        try:
            return await self._conduct.gate.admit(question, digest)
        except RuleRefused as error:
            self._note(outgoing, "not approved", str(error))
            raise

    async def _record(
        self, outgoing: Outgoing, tool: Tool, arguments: Mapping[str, Any], approval: str
    ) -> str:
        """Call a tool between two records: what may change something is recorded before."""
        if self._conduct.log is None:
            return await self._call(outgoing, tool, arguments)
        log, call = self._conduct.log
        record = await log.begin_request(
            call,
            outgoing.method,
            outgoing.path,
            is_write=not tool.is_read,
            query=list(arguments),
            approval=approval,
        )
        started = time.perf_counter()
        status = RAISED
        try:
            reply = await self._call(outgoing, tool, arguments)
            status = RETURNED
            return reply
        finally:
            log.end_request(record, status, time.perf_counter() - started)

    async def _call(self, outgoing: Outgoing, tool: Tool, arguments: Mapping[str, Any]) -> str:
        """Call a tool, and keep account of it whatever happens."""
        started = time.perf_counter()
        status: int | None = None
        try:
            source = self._toolbox.sources[self.name]
            value = await source.call(tool, arguments, self._surround())
            status = RETURNED
        except ToolFailed:
            status = RAISED
            raise
        except asyncio.CancelledError:
            raise
        except Exception:
            status = RAISED
            _log.exception("the tool %s of %s failed inside", tool.name, self.name)
            msg = f"{self.name}.{tool.name} failed inside; what happened is in the log of pymode"
            raise ToolFailed(msg) from None
        finally:
            seconds = time.perf_counter() - started
            self.sent.append(
                SentRequest(outgoing.method, outgoing.path, status, seconds, write=not tool.is_read)
            )
        most_bytes = self._limits.response_bytes
        if wire.is_small(value):
            text = wire.write(value, most_bytes)
        else:
            text = await asyncio.to_thread(wire.write, value, most_bytes)
        return f'{{"ok": true}}\n{text}'

    def _surround(self) -> Surroundings:
        """What a source may do; the run's own deadline began a little earlier."""
        if self._around is None:
            deadline = asyncio.get_running_loop().time() + self._limits.wall_seconds
            self._around = Surroundings(deadline, self._conduct.elicit, self._conduct.progress)
        return self._around

    def _note(self, outgoing: Outgoing, outcome: str, reason: str) -> None:
        if self._conduct.log is not None:
            log, call = self._conduct.log
            log.note_request(
                call,
                outgoing.method,
                outgoing.path,
                is_write=outgoing.method != "READ",
                outcome=outcome,
                reason=reason,
            )


@dataclass(frozen=True, slots=True)
class _Described:
    """A tool as a question to a person names it."""

    path: str
    tool: Tool

    @property
    def operation_id(self) -> str:
        return self.tool.title

    @property
    def summary(self) -> str:
        return self.tool.description.partition("\n")[0]
