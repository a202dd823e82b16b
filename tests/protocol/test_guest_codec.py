"""The guest's codec and the host's against each other: each reads what the other writes."""

from __future__ import annotations

import contextlib
import json
import random

import pytest

from guest import protocol as guest
from pymode.apis import request as requests
from pymode.call.state import States
from pymode.limits import Limits
from pymode.protocol import calls, loading, targets
from pymode.protocol.frames import ProtocolError
from pymode.protocol.replies import APIResponse, Failure, FailureKind, Value
from pymode.tools import wire

REQUEST = calls.CallRequest(
    "return 1  # é\n",
    Limits(host_calls=7, printed_chars=9),
    specs=("github",),
    apis=("github",),
    tools={"db": {"query": {"signature": "db.query(sql)"}}},
    absent=("files",),
    on_demand=("state",),
    account_id="023e",
)
REPLIES = [
    Failure(FailureKind.RULE, "no\nwrites", 503),
    Value(),
    Value('{"a": "\n"}', notes=["half"], dry_run=True),
    APIResponse(200, "json", '{"a":\n1}', "application/json", {"ray_id": "7"}, "try again"),
    APIResponse(204, "empty"),
]


def test_both_know_the_same_targets() -> None:
    assert (guest.RESULTS, guest.STATE, guest.TOOLS) == (
        targets.RESULTS,
        targets.STATE,
        targets.TOOLS,
    )
    assert guest.account_id("github") == targets.account_id("github")


def test_both_know_how_much_memory_a_call_has_at_hand() -> None:
    assert guest.HEADROOM_BYTES == loading.HEADROOM_BYTES


def test_the_guest_reads_the_call_that_the_host_writes() -> None:
    read = guest.read_call(REQUEST.write())
    assert (read.code, read.specs, read.apis) == (REQUEST.code, ["github"], ["github"])
    assert (read.tools, read.absent, read.on_demand) == (REQUEST.tools, ["files"], ["state"])
    assert read.account_id == "023e"
    assert (read.limits.host_calls, read.limits.printed_chars) == (7, 9)


@pytest.mark.parametrize("kind", FailureKind)
def test_the_guest_reads_every_failure_of_the_host(kind: FailureKind) -> None:
    reply = guest.read_reply(Failure(kind, "what to\ndo").write())
    assert reply.failure == guest.Failure(kind.value, "what to\ndo")


def test_the_guest_reads_every_reply_of_the_host() -> None:
    failure, nothing, value, response, empty = (
        guest.read_reply(reply.write()) for reply in REPLIES
    )
    assert failure.head["status"] == 503
    assert (nothing.failure, nothing.body) == (None, "")
    assert (value.body, value.head["notes"], value.head["dry_run"]) == (
        '{"a": "\n"}',
        ["half"],
        True,
    )
    assert (response.head["status"], response.head["kind"]) == (200, "json")
    assert (response.head["ray_id"], response.head["note"]) == ("7", "try again")
    assert response.body == '{"a":\n1}'
    assert (empty.head["kind"], empty.body) == ("empty", "")


def test_the_host_reads_the_outcomes_that_the_guest_writes() -> None:
    value = calls.read_outcome(guest.write_value('{"a":\n1}', ("a note",)))
    assert (value.is_value, value.value, value.head["notes"]) == (True, '{"a":\n1}', ["a note"])
    error = calls.read_outcome(guest.write_error("limit", "too\nmuch", "result_bytes"))
    assert not error.is_value
    assert error.head == {"error": "limit", "message": "too\nmuch", "limit": "result_bytes"}


def test_the_host_reads_the_payloads_that_the_guest_writes() -> None:
    request = requests.read(
        guest.write_request({"method": "POST", "path": "/é", "body": "text"}, "a\nb"), 10_000
    )
    assert (request.method, request.path, request.content) == ("POST", "/é", b"a\nb")
    assert wire.read_call(guest.write_tool_call("query", '{"sql": "\\n"}'))[:2] == (
        "query",
        {"sql": "\n"},
    )
    assert json.loads(guest.ask_for_tool("db", "query")) == {"namespace": "db", "tool": "query"}
    assert json.loads(guest.ask_for_result("r_1")) == {"name": "r_1"}
    assert json.loads(guest.ALL) == {}


def test_state_goes_to_the_host_and_comes_back() -> None:
    states, session = States(10_000), (b"owner", "session")
    put = guest.write_changes({"a": "[1]", "b": "2"}, [])
    assert guest.read_reply(states.answer(session, put)).failure is None
    assert guest.read_reply(states.answer(session, guest.write_changes({}, ["b"]))).failure is None
    reply = guest.read_reply(states.answer(session, guest.READ_STATE))
    assert json.loads(reply.body) == {"a": "[1]"}


def damage(text: str, dice: random.Random) -> str:
    """Cut, repeat, swap or spoil a part of a text."""
    at, end = sorted(dice.randrange(len(text) + 1) for _ in range(2))
    foreign = dice.choice(["[" * 3_000, "\ud800", "null", "1e999", '"', "\n", "1" * 5_000, "\0"])
    cut, repeated = text[:at] + text[end:], text[:end] + text[at:]
    spoiled = text[:at] + foreign + text[end:]
    return dice.choice([text[:at], text[at:], cut, repeated, foreign + text, spoiled])


@pytest.mark.parametrize("seed", range(50))
def test_a_damaged_message_is_read_or_is_an_error_of_the_protocol(seed: int) -> None:
    """On both sides; whatever else came out would be a bug of who reads it."""
    dice = random.Random(seed)
    for _ in range(50):
        with contextlib.suppress(guest.ProtocolError):
            guest.read_reply(damage(dice.choice(REPLIES).write(), dice))
        with contextlib.suppress(guest.ProtocolError):
            guest.read_call(damage(REQUEST.write(), dice))
        with contextlib.suppress(ProtocolError):
            calls.read_outcome(damage(guest.write_value('{"a": 1}', ["note"]), dice))


@pytest.mark.parametrize("text", ["", "null", "[]", "1", '{"error": 1}', '{"error": {"kind": 1}}'])
def test_what_is_no_reply_is_an_error_of_the_protocol(text: str) -> None:
    if text in ("", "null", "[]", "1"):
        with pytest.raises(ProtocolError):
            calls.read_outcome(text)
    with pytest.raises(guest.ProtocolError):
        guest.read_reply(text)
    with pytest.raises(guest.ProtocolError):
        guest.read_call(text)
