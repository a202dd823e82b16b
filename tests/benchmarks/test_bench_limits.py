"""What becomes of hostile programs is told as it was, also when nothing is left to tell it."""

from __future__ import annotations

import json
import sys

import pytest
from paths import TESTS

from benchmarks import attacks, sandboxes
from benchmarks.limits_held import DidNotStart, watch
from benchmarks.stops import name_stop, shorten

pytestmark = pytest.mark.anyio

HOSTS = TESTS / "support" / "hostile_hosts.py"
# The harness ends a call 3 s later.
SECONDS = 0.2

ENDS = {
    "wait": ("nothing: ended by the harness after 3.2 s", "fine", "alive"),
    "hang": (
        "nothing: ended by the harness after 3.2 s",
        "no host to ask",
        "hung: ended by the harness",
    ),
    "die": ("nothing: it took the host process along", "no host to ask", "died: signal 11"),
    "leave": ("nothing: it took the host process along", "no host to ask", "died: exit status 3"),
    "raise_error": ("MemoryError: out of memory: keep less", "fine", "alive"),
    "flood": ("no need: it ended by itself; 3 MB had reached the host's output", "fine", "alive"),
    "answer_at_length": ("nothing: 3 MB came back", "fine", "alive"),
    "answer": ("no need: it ended by itself", "fine", "alive"),
}


async def play(how: str) -> dict[str, object]:
    return await watch([sys.executable, str(HOSTS), how, str(SECONDS)], SECONDS)


@pytest.mark.parametrize("how", ENDS)
async def test_every_end_is_told(how: str) -> None:
    """What stopped the program, whether the next call was fine, whether the host lived."""
    found = await play(how)
    assert (found["stopped_by"], found["next_call"], found["host"]) == ENDS[how]


async def test_a_host_that_does_not_start_is_an_error() -> None:
    """It says why in the last line of its complaints."""
    with pytest.raises(DidNotStart, match="it did not start: ZeroDivisionError"):
        await watch([sys.executable, "-c", "1 / 0"], SECONDS)


async def test_pymode_stops_an_output_bomb() -> None:
    """In a process of its own, as the section does it."""
    command = [sys.executable, "-m", "benchmarks.limits_held", "--peer", "pymode"]
    found = await watch([*command, "--attack", "output"], 5.0)
    assert found["stopped_by"] == "limit of printed text"
    assert (found["next_call"], found["host"]) == ("fine", "alive")
    assert json.dumps(found)


@pytest.mark.parametrize("attack", attacks.ALL, ids=lambda attack: attack.id)
def test_every_attack_can_be_written_for_every_peer(attack: attacks.Attack) -> None:
    for sandbox in sandboxes.ALL:
        assert attack.code_for(sandbox.name)


class EndsInATraceback(Exception):
    pass


TRACEBACK = "Traceback (most recent call last):\n  line 1\nRecursionError: too deep\n"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("feed time limit exceeded: 5.0s > 5s"), "its deadline of 5 s"),
        (ValueError("memory limit exceeded: 2 bytes > 1 bytes"), "memory limit"),
        (EndsInATraceback(TRACEBACK), "RecursionError: too deep"),
        (ValueError("one; two\nthree"), "ValueError: one"),
        (ValueError("x" * 500), f"ValueError: {'x' * 88}…"),
        (ValueError(), "ValueError"),
    ],
)
def test_a_stop_is_named_in_a_few_words(error: Exception, words: str) -> None:
    assert name_stop(error, 5.0) == words


def test_a_wrapped_error_is_shortened_to_what_it_wraps() -> None:
    error = EndsInATraceback("Error calling tool 'execute': RecursionError: too deep")
    assert shorten(error) == "RecursionError: too deep"
