"""Says in a few words what stopped a hostile program, from the error that its sandbox raised."""

from __future__ import annotations

import re

MOST_CHARS = 100
# What pymode's errors carry as `limit`.
OF_PYMODE = {
    "fuel": "fuel",
    "memory_bytes": "memory limit",
    "wall_seconds": "its deadline of {seconds:g} s",
    "printed_chars": "limit of printed text",
    "result_bytes": "limit of the result",
}
# Words in the messages of the others.
OF_OTHERS = (
    (r"sleep limit exceeded", "limit of {seconds:g} s asleep"),
    (r"time limit exceeded|timed out after|request timeout", "its deadline of {seconds:g} s"),
    (r"memory limit exceeded|MemoryError", "memory limit"),
)
WRAPPERS = ("Error calling tool 'execute': ",)


def name_stop(error: BaseException, seconds: float) -> str:
    """Return which limit an error is about, or else its class and first words.

    Args:
        error: as the sandbox raised it.
        seconds: the limit of time that the sandbox was given.
    """
    words = OF_PYMODE.get(getattr(error, "limit", ""))
    if words is None:
        text = str(error)
        words = next((words for pattern, words in OF_OTHERS if re.search(pattern, text)), None)
    return shorten(error) if words is None else words.format(seconds=seconds)


def shorten(error: BaseException) -> str:
    """Return the class of an error and its first words; of a traceback, its last line."""
    text = str(error).strip()
    for wrapper in WRAPPERS:
        text = text.removeprefix(wrapper)
    lines = text.splitlines() or [""]
    line = lines[-1] if lines[0].startswith("Traceback") else lines[0]
    # The line of a traceback names a class already, and that of the program, not of the sandbox.
    named = re.match(r"\w*(Error|Exception|Exceeded|Rejected): ", line)
    line = line.split("; ")[0].rstrip(": ")
    words = line if named else f"{type(error).__name__}: {line}".rstrip(": ")
    return words if len(words) <= MOST_CHARS else f"{words[:MOST_CHARS]}…"
