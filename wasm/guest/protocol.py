"""The guest's side of what guest and host say to each other; `pymode/protocol` is the host's.

No other module of the guest reads or writes the text of a message. A reply to a host call is one
line of JSON, the head, then a line feed and the body. An outcome is written in the same way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

# The host calls that no namespace answers; a namespace has no dot in its name.
RESULTS = "pymode.results"
STATE = "pymode.state"
TOOLS = "pymode.tools"

# Zeros that a call may use before its memory has to grow. An instance that has grown is not used
# again, so they should be enough for most calls.
HEADROOM_BYTES = 1 << 24

# The whole state, and the descriptions of all tools, are asked for with these payloads.
READ_STATE = ""
ALL = "{}"

OutcomeError = Literal["rejected", "raised", "result", "limit"]
"""Why there is no value: the code was refused, it raised, its value has no JSON, or a limit."""


class ProtocolError(Exception):
    """A text of the host is no message."""


# Not frozen: a frozen one takes three times as long to make, in each call.
@dataclass(slots=True)
class Limits:
    """The limits of a call that the guest keeps; see `pymode.limits`."""

    host_calls: int
    host_calls_in_flight: int
    result_bytes: int
    printed_chars: int


@dataclass(slots=True)
class CallRequest:
    """What to run, and what it finds by name.

    Args:
        code: as the model wrote it.
        specs: what the documents are called, in the order of the image.
        apis: the namespaces of APIs.
        tools: the namespaces of tools, each with the descriptions that came along, by name.
        absent: namespaces that are there in `execute` only.
        on_demand: names whose values are asked for if the code reads them.
        account_id: the account, where the host knows it already.
        limits: of the call.
    """

    code: str
    specs: list[str]
    apis: list[str]
    tools: dict[str, dict[str, dict[str, Any]]]
    absent: list[str]
    on_demand: list[str]
    account_id: str | None
    limits: Limits


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a host call has no value.

    Args:
        kind: one of `pymode.protocol.replies.FailureKind`.
        message: for the author of the code.
    """

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to a host call.

    Args:
        head: what stands beside the body.
        body: as the host wrote it, not parsed.
        failure: None where the host call succeeded.
    """

    head: Mapping[str, Any]
    body: str
    failure: Failure | None


def account_id(api: str) -> str:
    """Return the target that finds the only account of an API."""
    return f"{api}.account_id"


def read_call(text: str) -> CallRequest:
    """Return the call that the host wants to be run.

    Raises:
        ProtocolError: the text is no call.
    """
    found = _read_object(text)
    try:
        limits = found["limits"]
        found["limits"] = Limits(*[limits[name] for name in Limits.__slots__])
        return CallRequest(*[found[name] for name in CallRequest.__slots__])
    except (KeyError, TypeError) as error:
        raise ProtocolError(f"a call without {error}") from None


def read_reply(text: str) -> Reply:
    """Return the reply to a host call; its body is for the caller to parse.

    Raises:
        ProtocolError: the text is no reply.
    """
    line, _, body = text.partition("\n")
    head = _read_object(line)
    error = head.get("error")
    if error is None:
        return Reply(head, body, None)
    if not isinstance(error, dict):
        raise ProtocolError("a failure that says nothing")
    kind, message = error.get("kind"), error.get("message")
    if not isinstance(kind, str) or not isinstance(message, str):
        raise ProtocolError("a failure without a kind or a message")
    return Reply(head, body, Failure(kind, message))


# Made once, because `json.dumps` would make one for each request.
_ENCODER = json.JSONEncoder(separators=(",", ":"))


def write_request(head: Mapping[str, object], bodies: str) -> str:
    """Write a request to an API: its head, then the texts of its bodies one after the other."""
    return _ENCODER.encode(head) + "\n" + bodies


def write_tool_call(tool: str, arguments: str) -> str:
    """Write the call of a tool, whose arguments are JSON already."""
    return f'{{"tool":{json.dumps(tool)},"arguments":{arguments}}}'


def ask_for_tool(namespace: str, tool: str) -> str:
    """Write the question for the description of one tool."""
    return json.dumps({"namespace": namespace, "tool": tool})


def ask_for_result(name: str) -> str:
    """Write the question for one result of an earlier call."""
    return json.dumps({"name": name})


def write_changes(values: Mapping[str, str], gone: Sequence[str]) -> str:
    """Write what the code changed in `state`: values as JSON by name, and names that are gone."""
    return json.dumps({"set": values, "gone": gone})


def write_value(value: str, notes: Sequence[str]) -> str:
    """Write the outcome of a call that has a value, which is JSON already."""
    # Most calls have no notes, and an encoder costs more than the rest of this.
    head = json.dumps({"ok": True, "notes": notes}) if notes else '{"ok": true, "notes": []}'
    return f"{head}\n{value}"


def write_error(error: OutcomeError, message: str, limit: str | None = None) -> str:
    """Write the outcome of a call that has no value.

    Args:
        error: why.
        message: for the author of the code.
        limit: the field of the limit that was hit.
    """
    return json.dumps({"error": error, "message": message, "limit": limit}) + "\n"


def _read_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ProtocolError("a message that is not JSON") from None
    if not isinstance(found, dict):
        raise ProtocolError("a message that is no object")
    return found
