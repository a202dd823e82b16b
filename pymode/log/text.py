"""Identifiers, and text as the log stores it."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Callable

from pymode.errors import LimitExceeded, PymodeError

Redact = Callable[[str], str]

MAX_CODE_CHARS = 256 * 1024
MAX_MESSAGE_CHARS = 20_000
MAX_FIELD_CHARS = 4_000
# 60 bits: among a million calls two are the same once in two million logs.
_CALL_CHARS = 12
# 80 bits, all that 16 characters hold: not to be guessed, and short in a model's answer.
_RESULT_CHARS = 16


def make_call_id() -> str:
    """Return a new id of a call: `c_` and 12 letters and digits."""
    return "c_" + _draw()[:_CALL_CHARS]


def make_result_id() -> str:
    """Return a new id of a result: `r_` and 16 letters and digits that nobody can guess."""
    return "r_" + _draw()[:_RESULT_CHARS]


def _draw() -> str:
    return base64.b32encode(secrets.token_bytes(10)).decode().lower()


def keep_plain(text: str) -> str:
    """Return the text unchanged; for logs that have nothing to hide."""
    return text


def store(text: str, redact: Redact, chars: int) -> str:
    """Return a text as it is stored: redacted, cut, and valid UTF-8.

    Args:
        text: any text, half characters included.
        redact: takes secrets out.
        chars: the most that are kept.
    """
    text = redact(text)
    if len(text) > chars:
        text = f"{text[:chars]}… ({len(text) - chars} more characters)"
    # SQLite takes no lone surrogates.
    return text.encode("utf-8", "replace").decode()


def name_outcome(error: PymodeError) -> str:
    """Say in a few words how a call failed: "limit fuel", "code rejected", "worker died"."""
    if isinstance(error, LimitExceeded):
        return f"limit {error.limit}"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
