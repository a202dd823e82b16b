"""Messages between the parent and a worker: the same on both sides, or an error of the protocol."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys

import pytest

from pymode.limits import Limits
from pymode.protocol import messages
from pymode.protocol.frames import Kind, ProtocolError, Reader, TooLarge, pack
from pymode.protocol.messages import (
    Call,
    Done,
    HostCall,
    HostReply,
    Message,
    Ready,
    Settings,
    Stop,
    Waiting,
)

MOST_BYTES = 10_000
MESSAGES: list[Message] = [
    Call('{"code": "return 1"}'),
    Call('{"code": "return 1"}', '{"seed": "00"}'),
    HostReply(1, '{"ok": true}\n[\n1]'),
    Stop(7),
    Ready("confined"),
    HostCall(9_999_999_999, "github", '{"method": "GET"}\nbody\n'),
    HostCall(0, "", ""),
    Waiting(0),
    Done(None, 1, 0.5, "é\n\0", '{"ok": true}\n1'),
    Done("fuel", 0, 0.0, "", ""),
]


def carry(message: Message) -> Message | None:
    reader = Reader(MOST_BYTES)
    reader.feed(messages.write(message, MOST_BYTES))
    frame = reader.next()
    return messages.read(*frame) if frame else None


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_comes_out_as_it_went_in(message: Message) -> None:
    assert carry(message) == message


def test_settings_come_out_as_they_went_in() -> None:
    settings = Settings("/images/1", 70_000_000, Limits(wall_seconds=0.5))
    assert Settings.read(settings.write()) == settings


def test_a_message_that_is_too_large_is_refused_before_it_is_sent() -> None:
    with pytest.raises(TooLarge) as caught:
        messages.write(HostReply(1, "€" * MOST_BYTES), MOST_BYTES)
    assert caught.value.size_bytes == 3 * MOST_BYTES + len("1\n") + 1
    assert caught.value.most_bytes == MOST_BYTES


def test_a_target_of_the_guest_does_not_reach_into_the_payload() -> None:
    carried = carry(HostCall(1, "github\n" + "x" * 500, '{"method": "GET"}'))
    assert isinstance(carried, HostCall)
    assert carried.target.startswith("github x")
    assert carried.payload == '{"method": "GET"}'


HEAD = '{"stopped_by": null, "fuel": 1, "seconds": 0.1, "logs": ""}'


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.START, ""),
        (Kind.START, "1\nx"),
        (Kind.START, "-1\nx\n"),
        (Kind.START, "1_0\nx\n"),
        (Kind.START, " 1\nx\n"),
        (Kind.START, "\u0661\nx\n"),
        (Kind.START, "1" * 11 + "\nx\n"),
        (Kind.START, "1\n" + "x" * 101 + "\n"),
        (Kind.WAITING, ""),
        (Kind.WAITING, "1\n"),
        (Kind.REPLY, "1"),
        (Kind.STOP, "stop"),
        (Kind.CALL, "{}"),
        (Kind.DONE, HEAD),
        (Kind.DONE, "[" * 100_000 + "\n"),
        (Kind.DONE, HEAD.replace("0.1", "NaN") + "\n"),
        (Kind.DONE, HEAD.replace("0.1", "1") + "\n"),
        (Kind.DONE, HEAD.replace("1,", "true,") + "\n"),
        (Kind.DONE, HEAD.replace("1,", "1" * 5_000 + ",") + "\n"),
        (Kind.DONE, HEAD.replace("}", ', "more": 1}') + "\n"),
    ],
)
def test_a_message_that_breaks_the_protocol_is_refused(kind: Kind, text: str) -> None:
    with pytest.raises(ProtocolError):
        messages.read(kind, text)


@pytest.mark.parametrize("seed", range(100))
def test_a_damaged_message_is_a_message_or_an_error_of_the_protocol(seed: int) -> None:
    """Cut, swapped, repeated and foreign pieces: nothing else gets out."""
    dice = random.Random(seed)
    for _ in range(50):
        data = bytearray(messages.write(dice.choice(MESSAGES), MOST_BYTES))
        for _ in range(dice.randrange(1, 4)):
            at = dice.randrange(len(data))
            match dice.randrange(4):
                case 0:
                    data[at] = dice.randrange(256)
                case 1:
                    del data[at : at + dice.randrange(1, 9)]
                case 2:
                    data[at:at] = dice.choice((b"\n", b"\xff", b"[" * 2000, b'"', b"1e999"))
                case _:
                    data += data[:at]
            if not data:
                break
        reader = Reader(MOST_BYTES)
        reader.feed(bytes(data))
        with contextlib.suppress(ProtocolError):
            while (frame := reader.next()) is not None:
                messages.read(*frame)


@pytest.mark.parametrize("seed", range(20))
def test_any_text_of_any_kind_is_a_message_or_an_error_of_the_protocol(seed: int) -> None:
    dice = random.Random(seed)
    alphabet = '01a\n\0é{}[]":,\U0001f642'
    for _ in range(200):
        text = "".join(dice.choices(alphabet, k=dice.randrange(30)))
        with contextlib.suppress(ProtocolError):
            messages.read(dice.choice(list(Kind)), text)


def test_the_largest_parts_fit_into_a_frame() -> None:
    """The limits of a call are what ends it, long before a frame is too large."""
    limits = Limits()
    parent, worker = map(
        int, (messages.count_bytes_to_parent(limits), messages.count_bytes_to_worker(limits))
    )
    printed = "\U0001f642" * 2 * limits.printed_chars
    messages.write(Done(None, 1, 0.1, printed, "x" * limits.result_bytes), parent)
    messages.write(HostCall(1, "é" * 100, "x" * limits.request_bytes), parent)
    messages.write(HostReply(1, "é" * limits.response_bytes), worker)


def test_a_frame_may_be_packed_without_a_limit_in_tests_of_readers() -> None:
    assert pack(Kind.STOP, "1") == b"\x00\x00\x00\x02\x071"


def test_a_call_is_run_without_importing_wasmtime() -> None:
    """Importing wasmtime takes a tenth of a second, and only workers need it."""
    code = "import sys, pymode.call.run, pymode.call.replay; sys.exit('wasmtime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
