"""Mask what looks like a secret before a person reads it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping

MASK = "[masked]"
MAX_DEPTH = 50

_SECRET_NAME = re.compile(
    r"token|secret|passw(or)?d|passphrase|credential|authorization|private|(^|[_.\- ])key$"
    r"|[a-z]Key$|api_?key|^key$|cookie|signature|(^|[_.\- ])auth$",
)
_WORD = re.compile(r"[A-Za-z0-9+/_=.\-]{24,}")
_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{1,60}-----.*?(-----END [A-Z0-9 ]{1,60}-----|$)", re.DOTALL)
_SCHEME = re.compile(r"\b(bearer|basic|token)(\s+)[^\s\"',;]{8,}", re.IGNORECASE)
# Identifiers, which a person needs to see what is meant.
_IDENTIFIER = re.compile(r"[0-9a-f]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def mask(value: object, depth: int = 0) -> object:
    """Return JSON with every value masked that looks like a secret, by its key or by itself."""
    if depth > MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {
            key: MASK if is_secret(str(key)) and _is_filled(each) else mask(each, depth + 1)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [mask(each, depth + 1) for each in value]
    return mask_text(value) if isinstance(value, str) else value


def mask_text(text: str) -> str:
    """Return text without PEM keys, credentials after their scheme, and long random words."""
    text = _PEM.sub(MASK, text)
    text = _SCHEME.sub(rf"\1\2{MASK}", text)
    return _WORD.sub(lambda match: MASK if _is_random(match[0]) else match[0], text)


def is_secret(name: str) -> bool:
    """Say whether the name of a field or header says that its value is secret."""
    # In lower case for most names; `[a-z]Key$` needs the capital of a name such as apiKey.
    return bool(_SECRET_NAME.search(name) or _SECRET_NAME.search(name.lower()))


def _is_filled(value: object) -> bool:
    return value not in (None, "", [], {}) and not isinstance(value, bool)


def _is_random(word: str) -> bool:
    """Say whether a word looks random: long, of several kinds of characters, of high entropy."""
    if _IDENTIFIER.fullmatch(word):
        return False
    # The parts of a path or of a dotted name are words of their own.
    parts = re.split(r"[/.]", word)
    return any(_is_random_part(part) for part in parts)


def _is_random_part(part: str) -> bool:
    if len(part) < 20 or _IDENTIFIER.fullmatch(part):
        return False
    kinds = (r"[0-9]", r"[a-z]", r"[A-Z]")
    mixed = sum(bool(re.search(kind, part)) for kind in kinds)
    entropy = -sum(
        count / len(part) * math.log2(count / len(part)) for count in Counter(part).values()
    )
    # 20 different characters have 4.3 bits each, the most that is possible; joined English words
    # have about 3.5.
    return (mixed == 3 and entropy >= 3.5) or (mixed == 2 and len(part) >= 32 and entropy >= 3.2)
