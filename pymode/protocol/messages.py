"""The messages between the parent and a worker, and how each is written as the text of a frame.

parent → worker    Call       a call for the guest
                   HostReply  what a host call came to
                   Stop       end the guest: a person is asked, and the call runs again later
worker → parent    Ready      the first instance is warm
                   HostCall   the guest starts a host call
                   Waiting    the guest can go on only with a reply
                   Done       the call has ended

A worker runs hostile code, so `read` takes nothing on trust.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self, TypeAlias

from pymode.limits import MIB, Limits
from pymode.protocol.frames import Kind, ProtocolError, pack

# A pause waits this long, at the most, for a guest that goes on by itself. A guest whose next
# timer is further away counts as waiting: nobody would wait for that timer.
PAUSE_SECONDS = 1.0
# The longest name of a namespace has 64 characters.
MAX_TARGET_CHARS = 100
# Room in a frame for what travels beside its largest part.
_MARGIN_BYTES = MIB
# A number of 10 digits counts more host calls than a worker can make.
_ID_DIGITS = 10


def count_bytes_to_worker(limits: Limits) -> int:
    """Return the size of the largest frame that a worker takes."""
    # JSON writes some characters of the code, and of the state, as six.
    largest = max(
        limits.response_bytes * 2,
        limits.result_bytes,
        limits.source_bytes * 6,
        limits.state_bytes * 6,
    )
    return largest + _MARGIN_BYTES


def count_bytes_to_parent(limits: Limits) -> int:
    """Return the size of the largest frame that the parent takes."""
    largest = max(limits.result_bytes, limits.request_bytes)
    # Up to twice the printed characters come in JSON, some of them as twelve.
    return 2 * largest + 24 * limits.printed_chars + 2 * _MARGIN_BYTES


@dataclass(frozen=True, slots=True)
class Settings:
    """What a worker is started with.

    Args:
        runtime: the path of the folder of the compiled runtime.
        snapshot: the path of the snapshot that each call starts from.
        limits: of each call.
        compares: whether the worker compares the whole memory with the snapshot after each call,
            and ends itself if they differ. That takes long, and is for tests.
    """

    runtime: str
    snapshot: str
    limits: Limits
    compares: bool = False

    def write(self) -> str:
        """Return the settings as one argument of a command."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Self:
        """Return what `write` wrote."""
        found = json.loads(text)
        return cls(
            found["runtime"], found["snapshot"], Limits(**found["limits"]), found["compares"]
        )


@dataclass(frozen=True, slots=True)
class Call:
    """Run one call.

    Args:
        request: for the guest, as one line of JSON.
        conditions: under which the run can be repeated, as `Conditions.write` wrote them; "" for
            a call that never pauses.
    """

    request: str
    conditions: str = ""


@dataclass(frozen=True, slots=True)
class HostReply:
    """The reply to a host call.

    Args:
        id: of the host call.
        text: as `replies` writes it.
    """

    id: int
    text: str


@dataclass(frozen=True, slots=True)
class Stop:
    """End the guest, in place of a reply.

    Args:
        id: of a host call that waits for a person.
    """

    id: int


@dataclass(frozen=True, slots=True)
class Ready:
    """The first instance is warm.

    Args:
        hardening: "confined", or why the process is not.
    """

    hardening: str


@dataclass(frozen=True, slots=True)
class HostCall:
    """The guest starts a host call.

    Args:
        id: never used twice in one worker.
        target: who answers: a namespace, or one of `targets`.
        payload: what is asked.
    """

    id: int
    target: str
    payload: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The guest can go on only with a reply, or after `PAUSE_SECONDS`.

    Sent only in calls that may pause, and after a host call or a reply: once for each.

    Args:
        replies: how many replies the guest has had in this call. One that is still on its way
            makes the message out of date.
    """

    replies: int


@dataclass(frozen=True, slots=True)
class Done:
    """The call has ended; the guest's outcome in it is hostile.

    Args:
        stopped_by: the limit or trap that ended the guest, or None.
        fuel: WebAssembly instructions that were used.
        seconds: from the start of the call in the worker to its end.
        logs: what the code printed.
        outcome: the guest's own words; of a guest that was stopped nothing, or the readings of
            its clock for the next run.
        host_calls: how many the guest has started.
    """

    stopped_by: str | None
    fuel: int
    seconds: float
    logs: str
    outcome: str
    host_calls: int = 0


ToWorker: TypeAlias = Call | HostReply | Stop
ToParent: TypeAlias = Ready | HostCall | Waiting | Done
Message: TypeAlias = ToWorker | ToParent


def write(message: Message, most_bytes: int) -> bytes:
    """Return a message as the bytes of its frame.

    Args:
        message: to be sent.
        most_bytes: the largest frame that the other side takes.

    Raises:
        TooLarge: the frame would be larger.
    """
    match message:
        case Call():
            return pack(Kind.CALL, f"{message.conditions}\n{message.request}", most_bytes)
        case HostReply():
            return pack(Kind.REPLY, f"{message.id}\n{message.text}", most_bytes)
        case Stop():
            return pack(Kind.STOP, str(message.id), most_bytes)
        case Ready():
            return pack(Kind.READY, message.hardening, most_bytes)
        case HostCall():
            # The guest chose it: a line feed would move the rest into the payload.
            target = message.target[:MAX_TARGET_CHARS].replace("\n", " ")
            return pack(Kind.START, f"{message.id}\n{target}\n{message.payload}", most_bytes)
        case Waiting():
            return pack(Kind.WAITING, str(message.replies), most_bytes)
        case Done():
            head = asdict(message)
            outcome = head.pop("outcome")
            return pack(Kind.DONE, f"{json.dumps(head)}\n{outcome}", most_bytes)


def read(kind: Kind, text: str) -> Message:
    """Return the message of a frame.

    Args:
        kind: of the frame.
        text: its payload.

    Raises:
        ProtocolError: the payload is not what its kind promises.
    """
    return _READERS[kind](text)


def _read_call(text: str) -> Call:
    conditions, request = _split(text, 2)
    return Call(request, conditions)


def _read_reply(text: str) -> HostReply:
    number, reply = _split(text, 2)
    return HostReply(_read_number(number), reply)


def _read_host_call(text: str) -> HostCall:
    number, target, payload = _split(text, 3)
    if len(target) > MAX_TARGET_CHARS:
        raise ProtocolError("a host call with a target that is too long")
    return HostCall(_read_number(number), target, payload)


def _split(text: str, parts: int) -> list[str]:
    """Return the first lines of a text and all the rest; the rest may have lines of its own."""
    found = text.split("\n", parts - 1)
    if len(found) != parts:
        raise ProtocolError("a message that is cut short")
    return found


def _read_number(text: str) -> int:
    # `int` also takes signs, blanks, underscores and the digits of other scripts.
    if not (text.isascii() and text.isdecimal() and len(text) <= _ID_DIGITS):
        raise ProtocolError(f"a message with {text[:20]!r} for a number")
    return int(text)


def _read_done(text: str) -> Done:
    head_text, outcome = _split(text, 2)
    try:
        head = json.loads(head_text)
    except (ValueError, RecursionError) as error:
        msg = f"the end of a call with a head that is not JSON: {str(error)[:200]}"
        raise ProtocolError(msg) from None
    if not isinstance(head, Mapping) or not _is_head_of_done(head):
        raise ProtocolError("the end of a call with a head of the wrong types")
    return Done(outcome=outcome, **head)


def _is_head_of_done(head: Mapping[str, Any]) -> bool:
    """Tell whether a head has the fields of `Done`, no others, and their types."""
    if head.keys() != {"stopped_by", "fuel", "seconds", "logs", "host_calls"}:
        return False
    # Exact types: True is an int, too.
    return (
        type(head["stopped_by"]) in (str, type(None))
        and type(head["fuel"]) is int
        and type(head["seconds"]) is float
        and math.isfinite(head["seconds"])
        and type(head["logs"]) is str
        and type(head["host_calls"]) is int
    )


# A table: `match` would look up each member of the enumeration, which takes longer than reading.
_READERS: Mapping[Kind, Callable[[str], Message]] = {
    Kind.CALL: _read_call,
    Kind.REPLY: _read_reply,
    Kind.STOP: lambda text: Stop(_read_number(text)),
    Kind.READY: Ready,
    Kind.START: _read_host_call,
    Kind.WAITING: lambda text: Waiting(_read_number(text)),
    Kind.DONE: _read_done,
}
