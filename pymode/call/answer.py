"""The answer to the model: the value, then what was printed, within one budget of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pymode.answers.render import fits, write_json
from pymode.answers.tokens import count_tokens_bound, fitting_chars

if TYPE_CHECKING:
    from pymode.call.result import Result

# The value is what the code was asked for, so prints that do not fit beside it get a quarter.
_PRINTED_SHARE = 4
# For the text "… 123456 more characters".
_MARKER_TOKENS = 8


async def answer(result: Result, max_tokens: int) -> list[str]:
    """Return the texts of a result: the value as JSON, then notes and prints if there are any.

    Args:
        result: the result of the call.
        max_tokens: the budget of all texts together.
    """
    remarks = _join(
        *(f"note: {note}" for note in result.notes),
        *(f"dry run, not sent: {write.method} {write.path}" for write in result.planned),
        _printed("printed", result.logs),
    )
    if not remarks:
        return _clean(await result.render(max_tokens))
    whole = write_json(result.value)
    room = max_tokens - count_tokens_bound(whole) if fits(whole, max_tokens) else 0
    remarks = cut(remarks, max(room, max_tokens // _PRINTED_SHARE))
    text = await result.render(max(max_tokens - count_tokens_bound(remarks), 1))
    return _clean(text, remarks)


def failure(message: str, logs: str, max_tokens: int) -> str:
    """Return the text of an error: what happened and what to do, then what was printed so far.

    Args:
        message: the text of the error.
        logs: what the code printed.
        max_tokens: the most tokens of both. The prints get the tokens that the message leaves, and
            at least a quarter of the budget.
    """
    printed = _printed("printed so far", logs)
    text = cut(message, max_tokens - (max_tokens // _PRINTED_SHARE if printed else 0))
    return _clean(_join(text, cut(printed, max_tokens - count_tokens_bound(text))))[0]


def cut(text: str, max_tokens: int) -> str:
    """Return the text, or its beginning and the number of characters left out."""
    if count_tokens_bound(text, enough=max_tokens) <= max_tokens:
        return text
    chars = fitting_chars(text, max_tokens - _MARKER_TOKENS)
    return f"{text[:chars]}… {len(text) - chars} more characters"


def _printed(title: str, logs: str) -> str:
    return f"{title}:\n{logs.rstrip()}" if logs.strip() else ""


def _join(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


def _clean(*texts: str) -> list[str]:
    # Python can print half a surrogate pair, which has no UTF-8 and would break a transport.
    return [text.encode("utf-8", "replace").decode() for text in texts]
