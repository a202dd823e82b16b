"""An exception that left the code, as its author can use it.

    KeyError: 'resullt'
      line 12, in main: zones = await first(path)
      line 7, in first: return reply["resullt"][0]

The message comes first, then the calls, the innermost last; only lines of the code itself. Causes,
grouped exceptions and notes follow, briefly. The exception is hostile: its `__str__` may raise,
return megabytes or no text, its chain may be long or a ring.
"""

from __future__ import annotations

import re
import traceback
from itertools import groupby
from types import TracebackType

from guest.rejection import line_of
from guest.source import FILENAME

MAX_MESSAGE_CHARS = 2_000
MAX_TOTAL_CHARS = 6_000
MAX_LINE_CHARS = 160
FIRST_FRAMES, LAST_FRAMES = 4, 6
SHOWN_IN_GROUP = 3
GROUP_DEPTH = 3
CHAIN_LENGTH = 3
NOTES = 3

_SUGGESTING = (NameError, AttributeError, ImportError)

# Hints for messages that models often get; the first match is added in brackets.
_HINTS = (
    (re.compile(r"'coroutine' object"), "is an `await` missing?"),
    (re.compile(r"name '(?:true|false)' is not defined"), "Python writes True and False"),
    (re.compile(r"name '(?:null|undefined)' is not defined"), "Python writes None"),
    (re.compile(r"running event loop"), "the loop already runs: write `await` instead"),
)
_MEANINGS = {
    SystemExit: "use `return` to end early",
    KeyboardInterrupt: "use `return` to end early",
    MemoryError: "out of memory: keep less at once",
    TimeoutError: "a time limit set by the code has passed",
}


def describe(exception: BaseException, source: str) -> str:
    """Return the exception with the code's own frames, at most about `MAX_TOTAL_CHARS` long.

    Args:
        exception: what left the code.
        source: the text that line numbers refer to, `Program.source`.
    """
    try:
        lines = _describe(exception, source, 0, set())
    except BaseException:
        # A property of a hostile class took the place of a plain attribute.
        return f"{_type_name(exception)}: an exception that cannot be described"
    # Half surrogate pairs could not leave the sandbox as UTF-8.
    text = "\n".join(lines).encode("utf-8", "replace").decode()
    return _cut(text, MAX_TOTAL_CHARS)


def _describe(exception: BaseException, source: str, group_depth: int, seen: set[int]) -> list[str]:
    lines = _describe_one(exception, source, group_depth, seen)
    for _ in range(CHAIN_LENGTH):
        seen.add(id(exception))
        cause = exception.__cause__
        words = "caused by"
        if cause is None and not exception.__suppress_context__:
            cause, words = exception.__context__, "while handling"
        if cause is None or id(cause) in seen:
            break
        first, *rest = _describe_one(cause, source, group_depth, seen)
        lines += [f"{words} {first}", *rest]
        exception = cause
    return lines


def _describe_one(
    exception: BaseException, source: str, group_depth: int, seen: set[int]
) -> list[str]:
    lines = _headline(exception).split("\n")
    lines += [f"  {note}" for note in _notes(exception)]
    lines += [f"  {frame}" for frame in _frames(exception.__traceback__, source)]
    if isinstance(exception, BaseExceptionGroup):
        members = exception.exceptions
        shown = members[:SHOWN_IN_GROUP] if group_depth < GROUP_DEPTH else ()
        for member in shown:
            if id(member) not in seen:
                inner = _describe(member, source, group_depth + 1, seen)
                lines += [f"  | {line}" for line in inner]
        if len(members) > len(shown):
            lines.append(f"  | … {len(members) - len(shown)} more exceptions")
    return lines


def _headline(exception: BaseException) -> str:
    name, text = _type_name(exception), _message(exception)
    hint = next((words for pattern, words in _HINTS if pattern.search(text)), "")
    hint = hint or _MEANINGS.get(type(exception), "") or _key_hint(exception)
    if hint and not text:
        return f"{name}: {hint}"
    return (f"{name}: {text}" if text else name) + (f" ({hint})" if hint else "")


def _type_name(exception: BaseException) -> str:
    # Not `type(exception).__name__`: a metaclass may answer that with anything.
    name: str = type.__dict__["__name__"].__get__(type(exception))
    return name


def _message(exception: BaseException) -> str:
    try:
        text = str(exception)
        if isinstance(exception, _SUGGESTING) and len(text) < MAX_MESSAGE_CHARS:
            text = _with_suggestion(exception, text)
    except BaseException:  # also SystemExit: it comes from the author's __str__
        return "its text cannot be read, because __str__ failed"
    # An exact str: a subclass could answer anything when it is cut and joined.
    return _cut(str.__str__(text), MAX_MESSAGE_CHARS)


def _with_suggestion(exception: BaseException, text: str) -> str:
    """Return the text with "Did you mean …?", as the interpreter itself would print it."""
    # A copy without causes: the real exception may have 100,000, and all of them would be read.
    double: BaseException
    if isinstance(exception, NameError):
        double = NameError(text, name=exception.name)
    elif isinstance(exception, AttributeError):
        double = AttributeError(text, name=exception.name, obj=exception.obj)
    else:
        double = ImportError(text, name=getattr(exception, "name", None))
        double.name_from = getattr(exception, "name_from", None)  # type: ignore[attr-defined]
    told = traceback.TracebackException(type(double), double, exception.__traceback__, limit=0)
    last = next(iter(told.format_exception_only()), "").strip()
    _, found, rest = last.partition(text)
    return text + rest if found else text


def _key_hint(exception: BaseException) -> str:
    if isinstance(exception, AttributeError) and type(exception.obj) is dict:
        if exception.name in exception.obj:
            return f'it is a dict: write ["{exception.name}"]'
        return "it is a dict: keys are read with [] or .get()"
    return ""


def _notes(exception: BaseException) -> list[str]:
    notes = getattr(exception, "__notes__", None)
    if type(notes) is not list:
        return []
    return [
        _cut(str.__str__(note), MAX_LINE_CHARS) for note in notes[:NOTES] if isinstance(note, str)
    ]


def _frames(trace: TracebackType | None, source: str) -> list[str]:
    """Return lines for the frames of the code; thousands of them become a few and a count."""
    places: list[tuple[str, int]] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename == FILENAME and (trace.tb_lineno or 0) > 0:
            places.append((code.co_name, trace.tb_lineno))
        trace = trace.tb_next
    lines = []
    for (name, number), calls in groupby(places):
        lines.append(_frame(name, number, source))
        if repeats := sum(1 for _ in calls) - 1:
            lines.append(f"… {repeats} more of this call")
    left_out = len(lines) - FIRST_FRAMES - LAST_FRAMES
    if left_out > 1:
        lines[FIRST_FRAMES:-LAST_FRAMES] = [f"… {left_out} more calls"]
    return lines


def _frame(name: str, number: int, source: str) -> str:
    inside = "" if name in (FILENAME, "<module>") else f", in {name}"
    return f"line {number}{inside}: {_cut(line_of(source, number).strip(), MAX_LINE_CHARS)}"


def _cut(text: str, chars: int) -> str:
    if len(text) <= chars:
        return text
    return f"{text[:chars]} … ({len(text) - chars} more characters)"
