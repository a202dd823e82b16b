"""Schemas and states that would take a program's time or memory; each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

BOUNDS = f"""
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({3 * 2**30}, {3 * 2**30}))
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "wasm")!r}]
from guest.arguments import find_problems
from pymode.call.state import States
"""


def run(body: str) -> str:
    """Run some lines with at most 20 seconds of CPU and 3 GiB; return what they print."""
    done = subprocess.run(
        [sys.executable, "-c", BOUNDS + body], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


SLOW = {
    "each level twice": ("{'a': 1}", "{'anyOf': [{'$ref': '#'}, {'$ref': '#'}]}"),
    "each level twice by allOf": ("{'a': 1}", "{'allOf': [{'$ref': '#'}, {'$ref': '#'}]}"),
    "two that refer to each other": (
        "{'a': 1}",
        "{'$ref': '#/$defs/a', '$defs': {'a': {'oneOf': [{'$ref': '#/$defs/b'}] * 9},"
        " 'b': {'oneOf': [{'$ref': '#/$defs/a'}] * 9}}}",
    ),
    "names that are nearly alike": (
        "{f'q{n}': 1 for n in range(3000)}",
        "{'anyOf': [{'properties': {f'p{n}': True for n in range(3000)},"
        " 'additionalProperties': False}] * 50}",
    ),
    "a value of megabytes in each message": (
        "{'x': 'a' * 9_000_000}",
        "{'properties': {'x': {'anyOf': [{'type': 'integer'}] * 5000}}}",
    ),
    "long choices": (
        "{'x': [1] * 5000}",
        "{'properties': {'x': {'items': {'enum': ['a'] * 50_000}}}}",
    ),
    "long names": (
        "{'a' * 100_000: 1}",
        "{'properties': {'a' * 99_999: {}}, 'additionalProperties': False}",
    ),
}


@pytest.mark.parametrize("case", SLOW)
def test_a_schema_takes_no_time_without_end(case: str) -> None:
    arguments, schema = SLOW[case]
    assert run(f"print(len(find_problems({arguments}, {schema})) <= 5)") == "True"


def test_many_names_that_are_gone_take_no_time() -> None:
    """All of them against all that there are would be an hour of the event loop."""
    body = """
states, session = States(2**20), (b"", "")
names = [f"{number:x}" for number in range(10_000)]
states.answer(session, json.dumps({"set": dict.fromkeys(names, "1"), "gone": []}))
gone = json.dumps({"set": {}, "gone": [f"_{number:x}" for number in range(500_000)] + names})
print(states.answer(session, gone), states.answer(session, ""))
"""
    assert run(body) == '{"ok": true}\n {"ok": true}\n{}'


def test_a_state_that_is_too_large_is_not_parsed() -> None:
    """As Python values it would have some 30 times its size."""
    body = """
states, session = States(2**20), (b"", "")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for text in ("[" + "[]," * 1_500_000 + "[]]", "[" * 5_000_000):
    reply = states.answer(session, json.dumps({"set": {"a": text}, "gone": []}))
    print("at most" in reply)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000)
"""
    assert run(body).split() == ["True"] * 3


def test_all_states_together_have_a_bound() -> None:
    """Over HTTP anybody can make up tokens, and with each of them a session."""
    body = """
states = States(2**20)
change = json.dumps({"set": {"a": json.dumps("x" * 1_000_000)}, "gone": []})
for number in range(500):
    states.answer((b"", str(number)), change)
print(sum(len(states.answer((b"", str(number)), "")) > 100 for number in range(500)) < 250)
"""
    assert run(body) == "True"
