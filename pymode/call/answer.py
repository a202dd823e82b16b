"""What a call says to a model: the value, then what was printed, within one budget of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pymode.answers.render import write_whole
from pymode.answers.tokens import count_tokens_bound

if TYPE_CHECKING:
    from pymode.call.result import Result

# The value is what was asked for: prints that do not fit beside it get a quarter.
_PRINTED_SHARE = 4


async def answer(result: Result, max_tokens: int) -> list[str]:
    """A result as texts: the value as JSON, then notes and prints if there are any.

    Args:
        result: of the call.
        max_tokens: the budget of all texts together.
    """
    remarks = _join(
        *(f"note: {note}" for note in result.notes),
        *(f"dry run, not sent: {write.method} {write.path}" for write in result.planned),
        _printed("printed", result.logs),
    )
    if not remarks:
        return _clean(await result.render(max_tokens))
    whole = write_whole(result.value, max_tokens)
    room = 0 if whole is None else max_tokens - count_tokens_bound(whole)
    remarks = cut(remarks, max(room, max_tokens // _PRINTED_SHARE))
    text = await result.render(max(max_tokens - count_tokens_bound(remarks), 1))
    return _clean(text, remarks)


def failure(message: str, logs: str, max_tokens: int) -> str:
    """An error as text: what happened and what to do, then what was printed so far.

    Args:
        message: of the error.
        logs: what was printed.
        max_tokens: the budget.
    """
    text = cut(message, max_tokens)
    printed = _printed("printed so far", logs)
    room = max(max_tokens - count_tokens_bound(text), max_tokens // _PRINTED_SHARE)
    return _clean(_join(text, cut(printed, room)))[0]


def cut(text: str, max_tokens: int) -> str:
    """The text, or its beginning and a count of the characters left out."""
    if count_tokens_bound(text, enough=max_tokens) <= max_tokens:
        return text
    low, high = 0, min(len(text), max_tokens * 8)
    while low < high:
        middle = (low + high + 1) // 2
        if count_tokens_bound(_shorten(text, middle), enough=max_tokens) <= max_tokens:
            low = middle
        else:
            high = middle - 1
    return _shorten(text, low)


def _shorten(text: str, chars: int) -> str:
    return f"{text[:chars]}… {len(text) - chars} more characters"


def _printed(title: str, logs: str) -> str:
    return f"{title}:\n{logs.rstrip()}" if logs.strip() else ""


def _join(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


def _clean(*texts: str) -> list[str]:
    # Half a surrogate pair, which Python can print, has no UTF-8 and would break a transport.
    return [text.encode("utf-8", "replace").decode() for text in texts]
