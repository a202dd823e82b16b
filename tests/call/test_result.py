"""What the host makes of the guest's last words, which may be anything."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pymode.call.result import read_outcome
from pymode.errors import (
    CodeError,
    CodeRaised,
    CodeRejected,
    LimitExceeded,
    ResultRejected,
)
from pymode.limits import MIB, Limits
from pymode.protocol.messages import Done

LIMITS = Limits(result_bytes=1000)
OK = '{"ok": true, "notes": []}\n'


def end(outcome: str, stopped_by: str | None = None) -> Done:
    return Done(stopped_by, 1, 0.1, "printed\n", outcome)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ("[1,2.5,true]", [1, 2.5, True]),
        ('{"ä":"€"}', {"ä": "€"}),
        ('"line\\nbreak"', "line\nbreak"),
        ('"\\ud83d\\ude42 \\\\ud800"', "🙂 \\ud800"),
        ("[" * 200 + "]" * 200, None),
        ('"' + "x" * 998 + '"', "x" * 998),
    ],
)
def test_a_value_is_read_as_it_was_written(text: str, value: object) -> None:
    read, notes = read_outcome(end(OK + text), LIMITS)
    assert read == value or text.startswith("[[")
    assert notes == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "NaN",
        "[Infinity]",
        "[-Infinity]",
        "1e999",
        '"\\ud800"',
        '{"\\uDC00": 1}',
        '{"a": 1} {"b": 2}',
        '{"a": 1',
        "[" * 251 + "]" * 251,
        "[" * 900,
        '{"a":' * 300 + "1" + "}" * 300,
        "9" * 5000,
        "'single'",
    ],
    ids=lambda text: text[:12] or "nothing",
)
def test_a_value_that_is_no_json_is_an_error_of_the_code(text: str) -> None:
    """It keeps what was printed. Some of these are over the limit as well."""
    with pytest.raises((ResultRejected, LimitExceeded)) as caught:
        read_outcome(end(OK + text), LIMITS)
    assert caught.value.logs == "printed\n"
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("text", ['"' + "x" * 999 + '"', '"' + "€" * 333 + '"'])
def test_a_value_over_the_limit_counts_bytes_not_characters(text: str) -> None:
    with pytest.raises(LimitExceeded, match="larger than 1,000 ") as caught:
        read_outcome(end(OK + text), LIMITS)
    assert caught.value.limit == "result_bytes"


@pytest.mark.parametrize(
    "head",
    ["", "null", "[]", '"ok"', "1", "{", "NaN", "[" * 100_000, "\ud800", "true"],
    ids=range(10),
)
def test_nonsense_in_place_of_a_head_is_no_result(head: str) -> None:
    with pytest.raises(CodeError) as caught:
        read_outcome(end(f"{head}\n1"), LIMITS)
    assert "try again" not in str(caught.value)
    assert caught.value.logs == "printed\n"


@pytest.mark.parametrize("ok", [False, None, 1, "true", [], {}])
def test_only_true_is_ok(ok: object) -> None:
    with pytest.raises(CodeRaised):
        read_outcome(end(json.dumps({"ok": ok}) + "\n1"), LIMITS)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("rejected", CodeRejected),
        ("result", ResultRejected),
        ("raised", CodeRaised),
        ("unheard of", CodeRaised),
        (None, CodeRaised),
        (["rejected"], CodeRaised),
        ({}, CodeRaised),
    ],
)
def test_an_error_has_the_class_of_its_kind(kind: object, error: type[CodeError]) -> None:
    head = {"error": kind, "message": "what happened"}
    with pytest.raises(error) as caught:
        read_outcome(end(json.dumps(head) + "\n"), LIMITS)
    assert type(caught.value) is error
    assert str(caught.value) == "what happened"
    assert caught.value.logs == "printed\n"


@pytest.mark.parametrize(
    ("limit", "limits"),
    [
        ("host_calls", Limits(host_calls=7)),
        ("printed_chars", Limits(printed_chars=8)),
        ("result_bytes", LIMITS),
    ],
)
def test_a_limit_that_the_guest_keeps_is_named(limit: str, limits: Limits) -> None:
    head = {"error": "limit", "message": "too much", "limit": limit}
    done = replace(end(json.dumps(head) + "\n"), host_calls=7)
    with pytest.raises(LimitExceeded, match="too much") as caught:
        read_outcome(done, limits)
    assert caught.value.limit == limit


@pytest.mark.parametrize(
    "limit",
    ["fuel", "wall_seconds", "host_calls", "printed_chars", "source_bytes", "request_bytes"],
)
def test_a_limit_that_was_not_hit_is_what_the_code_says(limit: str) -> None:
    head = {"error": "limit", "message": "too much", "limit": limit}
    done = replace(end(json.dumps(head) + "\n"), host_calls=LIMITS.host_calls - 1)
    with pytest.raises(CodeRaised, match="too much"):
        read_outcome(done, LIMITS)


def test_out_of_memory_in_the_guest_says_how_much_there_was() -> None:
    head = {"error": "limit", "message": "MemoryError", "limit": "memory_bytes"}
    with pytest.raises(LimitExceeded, match="more than 256 MiB of memory") as caught:
        read_outcome(end(json.dumps(head) + "\n"), LIMITS)
    assert str(caught.value).endswith("\nMemoryError")


@pytest.mark.parametrize("limit", ["source_bytes", "unheard of", "__class__", 1, ["fuel"], {}])
def test_a_limit_that_the_guest_invents_is_an_error_of_the_code(limit: object) -> None:
    head = {"error": "limit", "message": "m", "limit": limit}
    with pytest.raises(CodeRaised, match="m"):
        read_outcome(end(json.dumps(head) + "\n"), LIMITS)


@pytest.mark.parametrize("message", [None, 1, ["a"], {"a": 1}, "x" * 10**6, "a\ud800b"])
def test_a_message_is_text_of_bounded_length(message: object) -> None:
    head = {"error": "raised", "message": message}
    with pytest.raises(CodeRaised) as caught:
        read_outcome(end(json.dumps(head) + "\n"), LIMITS)
    assert 0 < len(str(caught.value)) <= 20_000
    str(caught.value).encode()


@pytest.mark.parametrize(
    "notes", [None, "text", {"a": 1}, [1, None, ["x"]], ["x" * 10**6], ["n"] * 10**4, ["\ud800"]]
)
def test_notes_are_a_few_texts(notes: object) -> None:
    _, read = read_outcome(end(json.dumps({"ok": True, "notes": notes}) + "\n1"), LIMITS)
    assert len(read) <= 20
    assert all(isinstance(note, str) and len(note) <= 20_000 for note in read)
    "".join(read).encode()


@pytest.mark.parametrize(
    ("stopped_by", "words"),
    [
        ("fuel", "20,000,000,000 WebAssembly instructions"),
        ("memory_bytes", "more than 256 MiB of memory"),
        ("wall_seconds", "after 30.0 seconds"),
        ("result_bytes", "larger than 1,000 "),
        ("printed_chars", "more than 100,000 characters"),
        ("host_calls", "more than 200 requests"),
        ("host_calls_in_flight", "more than 20 requests on the way at once"),
        ("request_bytes", "larger than 16 MiB"),
    ],
)
def test_each_limit_says_its_amount_and_what_to_do(stopped_by: str, words: str) -> None:
    """Whatever the guest said is not read when it was stopped."""
    with pytest.raises(LimitExceeded) as caught:
        read_outcome(end(OK + "1", stopped_by), LIMITS)
    assert caught.value.limit == stopped_by
    assert words in str(caught.value)
    assert caught.value.logs == "printed\n"


@pytest.mark.parametrize(
    ("stopped_by", "words"),
    [
        ("stack", "use a loop and flatter data"),
        ("refused", "the sandbox does not have"),
        ("crash", "the interpreter in the sandbox crashed"),
        ("unheard of", "the interpreter in the sandbox crashed"),
    ],
)
def test_a_trap_is_told_as_what_the_code_did(stopped_by: str, words: str) -> None:
    with pytest.raises(CodeRaised) as caught:
        read_outcome(end("", stopped_by), LIMITS)
    assert words in str(caught.value)


def test_an_amount_of_bytes_is_shown_in_mib() -> None:
    with pytest.raises(LimitExceeded, match="larger than 3 MiB of JSON"):
        read_outcome(end("", "result_bytes"), Limits(result_bytes=3 * MIB))
