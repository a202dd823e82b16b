"""One call: the code's text in, its outcome out; see `guest.protocol` for both."""

import asyncio
import json
import random
from dataclasses import dataclass
from typing import Any

from guest import failures, limits, namespaces, program, protocol, results, state, tools
from guest.encode import ResultTooLarge, Unencodable, encode
from guest.loop import HostLoop
from guest.printed import Printed
from wit_world.imports import host

# Freed when the code fails: code that ran out of memory leaves none for the error message. It is
# part of the snapshot, so that reserving it costs no page fault.
RESERVE = bytearray(2**20)

# An OpenAPI document, resolved.
Document = dict[str, Any]

REHEARSED_CODE = """
async def rehearse():
    return [
        {"path": path, "summary": operation.get("summary")}
        for path, methods in spec["paths"].items()
        for operation in methods.values()
        if "/rehearse/" in path or "rehearse" in operation.get("tags", ())
    ]
"""

REHEARSED_CODE_FOR_ALL = """
async def rehearse():
    return 0
"""


@dataclass(slots=True)
class HostCalls:
    """Makes the host calls of the code, a limited number at once; the others wait for their turn.

    The parent refuses what is over its limits, too; this is where the code gets an exception that
    says what to do.

    Args:
        loop: the event loop of the call.
        allowed: host calls in all.
        most_in_flight: host calls at once.
        turns: counts those under way.
        started: how many there were.
    """

    loop: HostLoop
    allowed: int
    most_in_flight: int
    turns: asyncio.Semaphore
    started: int = 0

    async def __call__(self, target: str, payload: str) -> str:
        """Return the host's reply; raise `LimitExceeded` when the call has had all it may."""
        self._count()
        async with self.turns:
            return await self.loop.call(target, payload)

    def now(self, target: str, payload: str) -> str:
        """Return the host's reply without letting other tasks run until it is there."""
        self._count()
        return self.loop.call_now(target, payload, self.most_in_flight)

    def _count(self) -> None:
        self.started += 1
        if self.started > self.allowed:
            msg = (
                f"the code made more than {self.allowed} requests; ask for larger pages, filter "
                "in the query, or spread the work over several calls"
            )
            raise limits.LimitExceeded("host_calls", msg)


_ready: list[HostLoop] = []


def make_ready() -> None:
    """Make the event loop of the next call; in the snapshot, it is that of each call."""
    _ready.append(HostLoop())


def run(text: str, specs: list[Document], pointers: dict[int, str], printed: Printed) -> str:
    """Run the call that `text` describes and return its outcome.

    Args:
        text: of the host, see `protocol.read_call`.
        specs: the documents of the image.
        pointers: where a document names the objects that contain themselves, by id.
        printed: where `print` goes.
    """
    request = protocol.read_call(text)
    # From here on the clock and the random bytes are those of the call, also if it is repeated.
    host.begin()
    printed.begin(request.limits.printed_chars)
    source = request.code
    # Seeding costs as much as parsing a short function, and random numbers need an import.
    if "import" in source:
        random.seed()
    try:
        loop = _ready.pop() if _ready else HostLoop()
        loaded = program.load(source, _scope(request, specs, loop))
        source = loaded.source
        value = loop.run_until_complete(_finish(loop, loaded, request))
        encoded = encode(value, request.limits.result_bytes, pointers)
        return protocol.write_value(encoded.text, encoded.notes)
    except program.Rejected as rejected:
        return protocol.write_error("rejected", str(rejected))
    except ResultTooLarge as failure:
        return protocol.write_error("limit", str(failure), limit="result_bytes")
    except Unencodable as failure:
        return protocol.write_error("result", str(failure))
    except BaseException as failure:
        RESERVE.clear()
        message = failures.describe(failure, source)
        hit = limits.find(failure)
        return protocol.write_error("limit" if hit else "raised", message, hit)
    finally:
        printed.flush()


def _scope(
    request: protocol.CallRequest, specs: list[Document], loop: HostLoop
) -> dict[str, object]:
    """Return the globals of the code."""
    most_in_flight = request.limits.host_calls_in_flight
    turns = asyncio.Semaphore(most_in_flight)
    host_calls = HostCalls(loop, request.limits.host_calls, most_in_flight, turns)
    scope: dict[str, object] = {"results": results.Results(host_calls.now)}
    if specs:
        scope["specs"] = dict(zip(request.specs, specs, strict=True))
    if len(specs) == 1:
        scope["spec"] = specs[0]
    for name in request.apis:
        namespace, api_error = namespaces.make(name, host_calls)
        scope |= {name: namespace} | _by_name(api_error, api_error.Refused)
    for name, known in request.tools.items():
        title = namespaces.error_name(name)
        made, tool_error = tools.make(name, title, known, host_calls.now, host_calls)
        scope |= {name: made} | _by_name(tool_error, tool_error.Refused)
    scope |= {name: namespaces.ExecuteOnly(name) for name in request.absent}
    if request.apis:
        scope["account_id"] = request.account_id
    # `_finish` asks the host for those that the code reads.
    return scope | dict.fromkeys(request.on_demand)


def _by_name(*classes: type) -> dict[str, object]:
    return {each.__name__: each for each in classes}


async def _finish(loop: HostLoop, loaded: program.Program, request: protocol.CallRequest) -> object:
    """Run the code to its end, and cancel the tasks that it left running, as `asyncio.run` does."""
    scope = loaded.scope
    wanted = loaded.names.intersection(request.on_demand)
    session: state.Session | None = None
    failure: BaseException | None = None
    if "tools" in wanted:
        scope["tools"] = tools.read_all(await loop.call(protocol.TOOLS, protocol.ALL))
    if "state" in wanted:
        session = state.Session(await loop.call(protocol.STATE, protocol.READ_STATE))
        scope["state"] = session.value
    try:
        if "account_id" in loaded.names and "account_id" in scope and scope["account_id"] is None:
            scope["account_id"] = await _find_account(loop, request.apis[0])
        return await loaded.entry()
    except BaseException as error:
        failure = error
        raise
    finally:
        left = asyncio.all_tasks(loop) - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.gather(*left, return_exceptions=True)
        await loop.shutdown_asyncgens()
        try:
            if session is not None and (changes := session.find_changes()):
                state.read_reply(await loop.call(protocol.STATE, changes))
        except state.StateError as error:
            # The code's own exception matters more; this one becomes a note of it.
            if failure is None:
                raise
            failure.add_note(str(error))


class AccountNotFound(Exception):
    """The host does not know which account is meant."""


async def _find_account(loop: HostLoop, name: str) -> str:
    """Ask the host for the only account; code that does not read `account_id` costs no request."""
    reply = protocol.read_reply(await loop.call(protocol.account_id(name), ""))
    if reply.failure is not None:
        raise AccountNotFound(reply.failure.message)
    account_id: str = json.loads(reply.body)
    return account_id


def rehearse(specs: list[Document], pointers: dict[int, str], printed: Printed) -> None:
    """Run a call that finds nothing, so that its page faults are over before a real call comes."""
    bounds = {
        "host_calls": 1,
        "host_calls_in_flight": 1,
        "result_bytes": 1000,
        "printed_chars": 1000,
    }
    names = [f"spec_{number}" for number, _ in enumerate(specs)]
    code = REHEARSED_CODE if len(specs) == 1 else REHEARSED_CODE_FOR_ALL
    request: dict[str, object] = {"code": code}
    request |= {"specs": names, "apis": ["rehearsal"], "tools": {}, "absent": [], "on_demand": []}
    request |= {"account_id": None, "limits": bounds}
    outcome = run(json.dumps(request), specs, pointers, printed)
    if not outcome.startswith('{"ok"'):
        raise RuntimeError(outcome)
