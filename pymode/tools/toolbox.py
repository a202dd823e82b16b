"""The tools of all sources, where a failure of one source does not affect another."""

from __future__ import annotations

import asyncio
import difflib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pymode.protocol.replies import Failure, FailureKind, Value
from pymode.tools import wire
from pymode.tools.naming import MAX_NAME_CHARS
from pymode.tools.tool import Catalog, Source, Tool, ToolFailed

# How many descriptions are sent along with the code, and their total size. The guest asks for any
# other description when it needs it, so these limits only cost a round trip.
MAX_MENTIONED = 50
MAX_MENTIONED_BYTES = 512 * 1024
# How many names are compared for "did you mean". Each takes 0.05 ms of the event loop.
MAX_COMPARED = 200
# How long to wait for a list of tools. A server whose program has to be downloaded first takes
# longer; its start goes on in the background, so a later call finds it.
LIST_SECONDS = 15.0

_log = logging.getLogger(__name__)


class Toolbox:
    """All sources, by the names of their namespaces.

    Args:
        sources: the sources; no two have the same name.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources: Mapping[str, Source] = {source.name: source for source in sources}
        names = "|".join(map(re.escape, self.sources))
        # For each namespace: its descriptions as JSON, and the tools that they were written from.
        self._written: dict[str, tuple[Mapping[str, Tool], str]] = {}
        self._writing = asyncio.Lock()
        self._mention = re.compile(rf"\b({names})\s*\.\s*([A-Za-z_]\w*)") if names else None

    async def open(self) -> None:
        """Start every source; one that does not start fails when its tools are listed or called."""
        await asyncio.gather(*(source.open() for source in self.sources.values()))

    async def aclose(self) -> None:
        """Stop every source; one that cannot be stopped is logged, and the others are stopped."""
        ends = (source.aclose() for source in self.sources.values())
        for failure in await asyncio.gather(*ends, return_exceptions=True):
            if isinstance(failure, Exception):
                _log.error("a namespace of tools did not end", exc_info=failure)

    async def catalog(self, seconds: float = LIST_SECONDS) -> Catalog:
        """Return the tools of all sources, and the reasons why some sources cannot be listed.

        Args:
            seconds: how long to wait for each MCP server; all are asked at the same time.
        """
        listed = await asyncio.gather(*(self._list(name, seconds) for name in self.sources))
        tools: dict[str, Mapping[str, Tool]] = {}
        failures: dict[str, str] = {}
        for name, found in zip(self.sources, listed, strict=True):
            if isinstance(found, str):
                tools[name], failures[name] = {}, found
            else:
                tools[name] = found
        return Catalog(tools, failures)

    async def find_mentioned(self, code: str) -> dict[str, dict[str, Any]]:
        """Return the descriptions of the tools that the code names, by namespace and name.

        The host searches the code for words such as `db.query` and does not parse it: code is
        hostile, so only the guest parses it, within limits of fuel and memory.

        Args:
            code: the source code that the model wrote.
        """
        found: dict[str, dict[str, Any]] = {name: {} for name in self.sources}
        if self._mention is None:
            return found
        mentioned = list(dict.fromkeys(self._mention.findall(code)))[:MAX_MENTIONED]
        namespaces = list(dict.fromkeys(namespace for namespace, _ in mentioned))
        listed = dict(
            zip(namespaces, await asyncio.gather(*map(self._list, namespaces)), strict=True)
        )
        left = MAX_MENTIONED_BYTES
        for namespace, name in mentioned:
            tools = listed[namespace]
            if isinstance(tools, str) or name not in tools:
                continue
            described = tools[name].describe()
            left -= len(json.dumps(described))
            if left < 0:
                # The guest asks for the other descriptions when the code calls those tools.
                break
            found[namespace][name] = described
        return found

    async def answer(self, payload: str, max_bytes: int) -> str:
        """Answer the host call that asks for the description of one tool, or of all tools.

        Args:
            payload: `{"namespace": "db", "tool": "query"}` for one tool, or `{}` for all. It comes
                from the guest and may be anything.
            max_bytes: the most bytes that the descriptions may have as JSON.

        Returns:
            The reply for the guest, as `pymode.protocol.replies` writes it; a failure is a reply,
            too.
        """
        try:
            asked = json.loads(payload) if len(payload) <= 1_000 else None
        except (ValueError, RecursionError):
            asked = None
        try:
            if asked == {}:
                return await self._describe_all(max_bytes)
            if isinstance(asked, dict):
                tool = await self.find(str(asked.get("namespace")), str(asked.get("tool")))
                return Value(wire.write(tool.describe(), max_bytes)).write()
        except ToolFailed as error:
            return Failure(FailureKind.TOOL, str(error)).write()
        except UnknownTool as error:
            return Failure(FailureKind.UNKNOWN, str(error)).write()
        return Failure(FailureKind.UNKNOWN, "there is no such tool").write()

    async def find(self, namespace: str, name: str) -> Tool:
        """Return the tool of a name.

        Args:
            namespace: the name of the namespace in the code.
            name: the name of the tool in the code, not its title.

        Raises:
            UnknownTool: there is no such namespace, or it has no such tool.
            ToolFailed: the tools of the namespace cannot be listed now.
        """
        if namespace not in self.sources:
            raise UnknownTool(f"there is no namespace {namespace[:60]!r}")
        tools = await self._list(namespace)
        if isinstance(tools, str):
            raise ToolFailed(tools)
        if name not in tools:
            near = _find_near(name, tools)
            hint = f"; did you mean {' or '.join(near)}?" if near else "."
            msg = f'{namespace} has no tool {name[:60]!r}{hint} Look in tools["{namespace}"]'
            raise UnknownTool(msg)
        return tools[name]

    async def _list(
        self, namespace: str, seconds: float = LIST_SECONDS
    ) -> Mapping[str, Tool] | str:
        # Returns a text with the reason if the tools cannot be listed.
        source = self.sources[namespace]
        try:
            # Listing functions does no I/O, and a timer would cost more than the listing.
            async with asyncio.timeout(None if source.kind == "functions" else seconds):
                return await source.list()
        except TimeoutError:
            return (
                f"{namespace} cannot be used now: it has not said within {seconds:g} s what "
                "tools it has; try again"
            )
        except ToolFailed as error:
            return f"{namespace} cannot be used now: {error}"
        except Exception:
            _log.exception("the tools of %s cannot be listed", namespace)
            return f"{namespace} cannot be used now; what happened is in the log of pymode"

    async def _describe_all(self, max_bytes: int) -> str:
        """Write all descriptions; a namespace that does not fit is left out, with a note.

        Code may ask for them in a loop, so the text of a namespace is kept until its tools change.
        The lock keeps two calls from writing the same text.
        """
        catalog = await self.catalog()
        notes = list(catalog.failures.values())
        parts: list[str] = []
        async with self._writing:
            for namespace, tools in catalog.tools.items():
                text = await self._write_all(namespace, tools)
                if len(text) <= max_bytes:
                    max_bytes -= len(text)
                else:
                    notes.append(
                        f"the descriptions of {namespace} are too large to be listed; its tools "
                        "can be called all the same"
                    )
                    text = "{}"
                parts.append(f"{json.dumps(namespace)}:{text}")
        return Value(f"{{{','.join(parts)}}}", notes).write()

    async def _write_all(self, namespace: str, tools: Mapping[str, Tool]) -> str:
        before, text = self._written.get(namespace, ({}, ""))
        # A source returns the same object until its tools change, so this needs no comparison of
        # thousands of tools.
        if before is not tools:
            described = {name: tool.describe() for name, tool in tools.items()}
            text = await asyncio.to_thread(json.dumps, described, separators=(",", ":"))
            self._written[namespace] = tools, text
        return text


class UnknownTool(Exception):
    """There is no tool, or no namespace, of the name that the guest gave."""


def _find_near(name: str, tools: Mapping[str, Tool]) -> list[str]:
    """Return up to three similar names.

    A hostile guest may ask with any name, many times. So a name longer than a tool can have is not
    compared, and of many tools only those are that share a word with the name.
    """
    if len(name) > MAX_NAME_CHARS:
        return []
    compared = list(tools)
    if len(compared) > MAX_COMPARED:
        words = [word for word in name.lower().split("_") if len(word) > 2]
        compared = [known for known in compared if any(word in known.lower() for word in words)]
    return difflib.get_close_matches(name, compared[:MAX_COMPARED], n=3, cutoff=0.5)
