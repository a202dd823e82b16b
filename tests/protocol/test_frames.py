"""The frames between the parent and a worker: whatever the pieces, the same frames, or an error."""

from __future__ import annotations

import contextlib
import random

import pytest

from pymode.protocol.frames import HEADER, Kind, ProtocolError, Reader, pack

MOST_BYTES = 1000
TEXTS = ["", "a", "1\nreply\n", "ä € 🙂 \0 \u2028", '{"ok": true}\n' * 20, "x" * (MOST_BYTES - 1)]
FRAMES = [(kind, text) for kind in Kind for text in TEXTS]


def read_all(reader: Reader) -> list[tuple[Kind, str]]:
    frames = []
    while (frame := reader.next()) is not None:
        frames.append(frame)
    return frames


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_frame_comes_out_as_it_went_in(kind: Kind, text: str) -> None:
    reader = Reader(MOST_BYTES)
    reader.feed(pack(kind, text))
    assert reader.next() == (kind, text)
    assert reader.next() is None


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 64, 999, 1000, 1001, 10**6])
def test_frames_do_not_depend_on_how_the_stream_is_cut(size: int) -> None:
    """Pieces may end inside a length, inside a character, or hold many frames."""
    stream = b"".join(pack(kind, text) for kind, text in FRAMES)
    reader = Reader(MOST_BYTES)
    frames = []
    for start in range(0, len(stream), size):
        reader.feed(stream[start : start + size])
        frames += read_all(reader)
    assert frames == FRAMES


@pytest.mark.parametrize("seed", range(20))
def test_frames_of_random_texts_survive_random_pieces(seed: int) -> None:
    dice = random.Random(seed)
    alphabet = "az\n\0é€\U0001f642"
    frames = [
        (dice.choice(list(Kind)), "".join(dice.choices(alphabet, k=dice.randrange(200))))
        for _ in range(50)
    ]
    stream = b"".join(pack(kind, text) for kind, text in frames)
    reader, read, start = Reader(MOST_BYTES), [], 0
    while start < len(stream):
        end = start + dice.randrange(1, 300)
        reader.feed(stream[start:end])
        read += read_all(reader)
        start = end
    assert read == frames


def test_a_frame_is_not_given_before_its_last_byte() -> None:
    frame = pack(Kind.REPLY, "1\nreply")
    reader = Reader(MOST_BYTES)
    for byte in frame[:-1]:
        reader.feed(bytes([byte]))
        assert reader.next() is None
    reader.feed(frame[-1:])
    assert reader.next() == (Kind.REPLY, "1\nreply")


def test_half_a_surrogate_pair_becomes_a_question_mark() -> None:
    """The guest may print one, and UTF-8 cannot carry it."""
    reader = Reader(MOST_BYTES)
    reader.feed(pack(Kind.DONE, "a\ud800b"))
    assert reader.next() == (Kind.DONE, "a?b")


def test_a_frame_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() -> None:
    reader = Reader(MOST_BYTES)
    reader.feed(pack(Kind.DONE, "x" * (MOST_BYTES - 1)))
    assert reader.next() is not None
    reader.feed(pack(Kind.DONE, "x" * MOST_BYTES))
    with pytest.raises(ProtocolError, match="1001 bytes; at most 1000"):
        reader.next()


def test_a_frame_over_the_limit_is_refused_by_its_length_alone() -> None:
    """Nothing of it is waited for or kept."""
    reader = Reader(MOST_BYTES)
    reader.feed(HEADER.pack(0xFFFFFFFF, Kind.DONE))
    with pytest.raises(ProtocolError, match="4294967295 bytes"):
        reader.next()


@pytest.mark.parametrize(
    "garbage",
    [
        HEADER.pack(0, Kind.CALL),
        HEADER.pack(1, 0),
        HEADER.pack(1, 8),
        HEADER.pack(1, 255),
        HEADER.pack(3, Kind.DONE) + b"\xff\xfe",
        HEADER.pack(2, Kind.DONE) + b"\xc3",
        HEADER.pack(4, Kind.START) + b"\xed\xa0\x80",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"\xff" * 100,
    ],
    ids=["no kind", "kind 0", "kind 8", "kind 255", "latin", "cut", "surrogate", "http", "ones"],
)
def test_garbage_is_a_frame_error(garbage: bytes) -> None:
    reader = Reader(MOST_BYTES)
    reader.feed(garbage)
    with pytest.raises(ProtocolError):
        reader.next()


@pytest.mark.parametrize("seed", range(50))
def test_random_bytes_end_in_frames_or_in_a_frame_error(seed: int) -> None:
    """Nothing else gets out, whatever the worker sends."""
    dice = random.Random(seed)
    # Lengths of plausible size, so that payloads are reached as well.
    data = b"".join(
        dice.randrange(20).to_bytes(4, "big") + dice.randbytes(dice.randrange(20))
        for _ in range(100)
    )
    reader = Reader(MOST_BYTES)
    reader.feed(data)
    with contextlib.suppress(ProtocolError):
        for kind, text in read_all(reader):
            assert isinstance(kind, Kind)
            assert isinstance(text, str)
