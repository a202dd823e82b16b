"""A value as compact JSON within a budget of tokens; what does not fit is cut structurally."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pymode.answers.excerpt import CHARS_PER_TOKEN, Cut, Cutter, summarize
from pymode.answers.tokens import count_tokens_bound

__all__ = [
    "LEAST_TOKENS",
    "count_tokens_bound",
    "render",
    "write_cut",
    "write_json",
    "write_whole",
]

# Below this there is no room for a value beside the sentence that says what was cut.
LEAST_TOKENS = 100

_SENTENCE_TOKENS = 75
# As much again for the name of the whole.
_NAME_TOKENS = 40
_ATTEMPTS = 6


def render(value: object, max_tokens: int, kept_as: str | None = None) -> str:
    """Return `value` as compact JSON of at most `max_tokens` tokens.

    A value that does not fit becomes `{"truncated": <sentence>, "value": <cut value>}`. In it the
    last item of a cut list is "… 412 more items", a cut mapping has a key "…" with the count of
    its missing keys, a cut string ends in "… (+12,345 chars)", and a value for which there is no
    room is "{12 keys}" or "[480 items]".

    Args:
        value: what JSON can carry; NaN and infinities become null, lone surrogates U+FFFD.
        max_tokens: o200k_base tokens as `count_tokens_bound` counts them; fewer than
            `LEAST_TOKENS` count as that many.
        kept_as: the name under which later code finds the whole, for the sentence.
    """
    return write_whole(value, max_tokens) or write_cut(value, max_tokens, kept_as)


def write_whole(value: object, max_tokens: int) -> str | None:
    """Return `value` as compact JSON, or None if that has more than `max_tokens` tokens."""
    try:
        text = write_json(value)
    except RecursionError:
        return None
    return text if _fits(text, max(max_tokens, LEAST_TOKENS)) else None


def write_cut(value: object, max_tokens: int, kept_as: str | None = None) -> str:
    """Return what `render` makes of a value that does not fit."""
    try:
        chars = len(write_json(value))
    except RecursionError:
        chars = None
    return _cut(value, _Told(max(max_tokens, LEAST_TOKENS), chars, kept_as))


@dataclass(frozen=True, slots=True)
class _Told:
    """What the sentence tells beside the cuts: the budget, the size of the whole, its name."""

    max_tokens: int
    chars: int | None
    kept_as: str | None


def write_json(value: object) -> str:
    """Return `value` as compact JSON that has a UTF-8 form, whatever its size.

    Raises:
        RecursionError: it is nested too deep.
    """
    try:
        text = _ENCODER.encode(value)
    except ValueError:
        loose = json.dumps(value, ensure_ascii=False)
        text = _ENCODER.encode(json.loads(loose, parse_constant=lambda _: None))
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_SURROGATE = re.compile("[\ud800-\udfff]")


def _fits(text: str, max_tokens: int) -> bool:
    # A token has at least one byte, so this settles small answers at no cost.
    if len(text) <= max_tokens and len(text.encode()) <= max_tokens:
        return True
    if len(text) > max_tokens * CHARS_PER_TOKEN:
        return False
    return count_tokens_bound(text, enough=max_tokens) <= max_tokens


def _cut(value: object, told: _Told) -> str:
    """Search for the most detail that fits: parts cost less together than they do alone."""
    max_tokens = told.max_tokens
    room = max_tokens - _SENTENCE_TOKENS - (_NAME_TOKENS if told.kept_as else 0)
    low, high, allowed = 0.0, float("inf"), float(room)
    best = ""
    known: dict[int, tuple[float, float]] = {}
    for _ in range(_ATTEMPTS):
        cutter = Cutter(known)
        kept, _ = cutter.cut(value, allowed, ())
        wrapped = {"truncated": _explain(cutter.cuts, told), "value": kept}
        text = write_json(wrapped)
        tokens = count_tokens_bound(text, enough=max_tokens * 2)
        if tokens <= max_tokens:
            low = allowed
            best = max(best, text, key=len)
            if tokens >= max_tokens * 0.9:
                break
        else:
            high = allowed
        if high < float("inf"):
            allowed = (low + high) / 2
        else:
            allowed *= min(4.0, (max_tokens - 60) / max(tokens - 60, 1))
    return best or write_json({"truncated": _explain([], told), "value": summarize(value)})


def _explain(cuts: Sequence[Cut], told: _Told) -> str:
    size = "" if told.chars is None else f" of {told.chars:,} chars"
    named = [
        f"{cut.kept:,} of {cut.total:,} {cut.unit} of {_write_path(cut.path)}"
        for cut in sorted(cuts, key=lambda cut: (len(cut.path), cut.kept - cut.total))[:2]
    ]
    more = f", and {len(cuts) - len(named):,} more cuts" if len(cuts) > len(named) else ""
    kept = f"kept {', '.join(named)}{more}. " if named else ""
    whole = f' The whole is results["{told.kept_as}"] in the next call.' if told.kept_as else ""
    return (
        f"Result{size} cut to {told.max_tokens:,} tokens: {kept}"
        f"Narrow it in the code: filter, slice, select fields or aggregate.{whole}"
    )


def _write_path(path: tuple[str | int, ...]) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step[:20]}" for step in path[:3]]
    return "$" + "".join(steps) + ("…" if len(path) > len(steps) else "")
