"""`state` is kept for the next call of its session, within its size; nobody else sees it."""

import json

import pytest

from pymode.call.state import MAX_SESSIONS, States

SESSION = (b"owner", "")


def read(reply):
    head, _, content = reply.partition("\n")
    if not content:
        return json.loads(head)["error"]["message"]
    return {name: json.loads(text) for name, text in json.loads(content).items()}


def put(states, session=SESSION, gone=(), **values):
    texts = {name: json.dumps(value) for name, value in values.items()}
    return states.answer(session, json.dumps({"set": texts, "gone": list(gone)}))


def test_what_is_put_is_there_and_what_is_gone_is_not():
    states = States(1000)
    put(states, a=1, b={"c": [2]})
    put(states, gone=["a"], d="x")
    assert read(states.answer(SESSION, "")) == {"b": {"c": [2]}, "d": "x"}


def test_calls_at_the_same_time_keep_what_the_other_has_set():
    """Only what a call has changed is taken."""
    states = States(1000)
    put(states, a=1, b=1)
    put(states, a=2)
    put(states, b=2)
    assert read(states.answer(SESSION, "")) == {"a": 2, "b": 2}


def test_each_session_has_its_own():
    states = States(1000)
    put(states, a=1)
    assert read(states.answer((b"owner", "other"), "")) == {}
    assert read(states.answer((b"other", ""), "")) == {}


def test_a_caller_without_a_session_is_told():
    assert "callers with a token of their own" in read(States(1000).answer(None, ""))


def test_too_much_is_refused_and_what_was_there_stays():
    states = States(100)
    put(states, a=1)
    assert "at most 100 are kept, so it stays as it was" in read(put(states, b="x" * 100))
    assert read(states.answer(SESSION, "")) == {"a": 1}


@pytest.mark.parametrize(
    "payload",
    [
        *("{", "[]", "{}", "[" * 5000, '{"set": [], "gone": []}', '{"set": {"a": "1"}}'),
        *('{"set": {"a": 1}, "gone": []}', '{"set": {"a": "1"}, "gone": [1]}'),
        *('{"set": {"a": "1"}, "gone": []} ', '{"set": {"a": "', '{"set": {"a": {}}, "gone": []}'),
        '{"set": {"\\ud800": "1"}, "gone": []}',
    ],
)
def test_what_a_hostile_guest_sends_changes_nothing(payload):
    states = States(1000)
    put(states, a=1)
    assert read(states.answer(SESSION, payload)) == "the state cannot be read"
    assert read(states.answer(SESSION, "")) == {"a": 1}


def test_two_million_brackets_are_not_parsed():
    """They would keep the event loop for a second."""
    states = States(1_000_000)
    payload = '{"set": {"a": ' + "[" * 2_000_000
    assert read(states.answer(SESSION, payload)) == "the state cannot be read"


def test_the_oldest_sessions_make_room():
    states = States(1000)
    for number in range(MAX_SESSIONS + 1):
        put(states, (b"", str(number)), a=1)
    assert read(states.answer((b"", "0"), "")) == {}
    assert read(states.answer((b"", "1"), "")) == {"a": 1}
