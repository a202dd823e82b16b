"""A few words on what stopped a hostile program, taken from the error of its sandbox."""

from __future__ import annotations

import re

MAX_CHARS = 100
# Words for `limit` of pymode's errors.
OF_PYMODE = {
    "fuel": "fuel",
    "memory_bytes": "memory limit",
    "wall_seconds": "its deadline of {seconds:g} s",
    "printed_chars": "limit of printed text",
    "result_bytes": "limit of the result",
}
# Words for the messages of the other sandboxes, which name no limit otherwise.
OF_OTHERS = (
    (r"sleep limit exceeded", "limit of {seconds:g} s asleep"),
    (r"time limit exceeded|timed out after|request timeout", "its deadline of {seconds:g} s"),
    (r"memory limit exceeded|MemoryError", "memory limit"),
)
WRAPPERS = ("Error calling tool 'execute': ",)


def name_stop(error: BaseException, seconds: float) -> str:
    """Return the limit that an error is about, or its class and first words.

    Args:
        error: as the sandbox raised it.
        seconds: the time limit of the sandbox.
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
    # The last line of a traceback already names the class of the program's error.
    named = re.match(r"\w*(Error|Exception|Exceeded|Rejected): ", line)
    line = line.split("; ")[0].rstrip(": ")
    words = line if named else f"{type(error).__name__}: {line}".rstrip(": ")
    return words if len(words) <= MAX_CHARS else f"{words[:MAX_CHARS]}…"
