"""`results` as the code sees it, with a host that answers from a dict."""

from __future__ import annotations

import json

import pytest

from guest.protocol import RESULTS
from guest.results import Results


class Host:
    """Answers what it holds, and counts how often it is asked."""

    def __init__(self, **held: object) -> None:
        self.held = held
        self.asked: list[dict[str, str]] = []
        self.results = Results(self.ask)

    def ask(self, target: str, payload: str) -> str:
        assert target == RESULTS
        asked = json.loads(payload)
        self.asked.append(asked)
        if not asked:
            return '{"ok": true}\n' + json.dumps(list(self.held))
        if asked["name"] == "broken":
            return '{"error": {"kind": "unreadable", "message": "the database is damaged"}}\n'
        if asked["name"] not in self.held:
            return '{"error": {"kind": "missing", "message": "there is no result"}}\n'
        return '{"ok": true}\n' + json.dumps(self.held[asked["name"]])


def test_a_result_is_asked_for_once() -> None:
    host = Host(r_a={"x": 1})
    assert [host.results["r_a"]["x"], host.results.get("r_a"), "r_a" in host.results] == [
        1,
        {"x": 1},
        True,
    ]
    assert host.asked == [{"name": "r_a"}]


def test_what_is_missing_is_a_key_error_or_the_default() -> None:
    host = Host(r_a=None)
    with pytest.raises(KeyError, match="there is no result"):
        _ = host.results["r_b"]
    assert host.results.get("r_b") is None
    assert host.results.get("r_b", 5) == 5
    assert "r_b" not in host.results
    # A result may be null, and is there all the same.
    assert "r_a" in host.results
    assert 5 not in host.results
    assert host.results.keys() == ["r_a"]


def test_what_cannot_be_read_is_not_taken_for_missing() -> None:
    with pytest.raises(RuntimeError, match="damaged"):
        Host().results.get("broken")


def test_another_use_shows_the_right_one() -> None:
    results = Host(r_a=1).results
    with pytest.raises(TypeError, match="by name"):
        _ = results[0]
    with pytest.raises(TypeError, match="not iterable"):
        list(results)
    with pytest.raises(AttributeError, match="assign a value of your own"):
        results.append(1)
    assert "r_…" in repr(results)
