"""Replies as they are written: one line of JSON, then the body as it is."""

from __future__ import annotations

import json

import pytest

from pymode.protocol import targets
from pymode.protocol.replies import APIResponse, Failure, FailureKind, Value


def read(reply: str) -> tuple[dict[str, object], str]:
    head, _, body = reply.partition("\n")
    return json.loads(head), body


@pytest.mark.parametrize("kind", FailureKind)
def test_a_failure_says_its_kind_and_what_to_do(kind: FailureKind) -> None:
    head, body = read(Failure(kind, "two\nlines", 503).write())
    assert head == {"error": {"kind": kind.value, "message": "two\nlines"}, "status": 503}
    assert body == ""


def test_a_value_is_never_looked_at() -> None:
    """Parsing it is the guest's work, under the guest's limits."""
    head, body = read(Value("[1,\n2", notes=["half of it"], dry_run=True).write())
    assert head == {"ok": True, "notes": ["half of it"], "dry_run": True}
    assert body == "[1,\n2"


def test_no_header_of_an_api_takes_the_place_of_the_status() -> None:
    response = APIResponse(200, "text", "a\nb", "text/plain", {"status": "500", "ray_id": "7"})
    head, body = read(response.write())
    assert (head["status"], head["kind"], head["ray_id"]) == (200, "text", "7")
    assert body == "a\nb"


def test_the_name_of_a_namespace_is_no_target_of_the_host() -> None:
    names = (targets.RESULTS, targets.STATE, targets.TOOLS, targets.account_id("github"))
    assert not any(name.isidentifier() for name in names)
