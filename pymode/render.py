"""A value as compact JSON within a budget of tokens; what does not fit is cut structurally."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from pymode.excerpt import CHARS_PER_TOKEN, Cut, Cutter, summarize
from pymode.tokens import count_tokens_bound

__all__ = ["LEAST_TOKENS", "count_tokens_bound", "render"]

# Below this there is no room for a value beside the sentence that says what was cut.
LEAST_TOKENS = 100

_SENTENCE_TOKENS = 75
_ATTEMPTS = 6


def render(value: object, max_tokens: int) -> str:
    """Return `value` as compact JSON of at most `max_tokens` tokens.

    A value that does not fit becomes `{"truncated": <sentence>, "value": <cut value>}`. In it the
    last item of a cut list is "… 412 more items", a cut mapping has a key "…" with the count of
    its missing keys, a cut string ends in "… (+12,345 chars)", and a value for which there is no
    room is "{12 keys}" or "[480 items]".

    Args:
        value: what JSON can carry; NaN and infinities become null, lone surrogates U+FFFD.
        max_tokens: o200k_base tokens as `count_tokens_bound` counts them; fewer than
            `LEAST_TOKENS` count as that many.
    """
    max_tokens = max(max_tokens, LEAST_TOKENS)
    try:
        text = _dump(value)
    except RecursionError:
        text = None
    if text is not None and _fits(text, max_tokens):
        return text
    return _cut(value, max_tokens, None if text is None else len(text))


def _dump(value: object) -> str:
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


def _cut(value: object, max_tokens: int, chars: int | None) -> str:
    """Search for the most detail that fits: parts cost less together than they do alone."""
    room = max_tokens - _SENTENCE_TOKENS
    low, high, allowed = 0.0, float("inf"), float(room)
    best = ""
    known: dict[int, tuple[float, float]] = {}
    for _ in range(_ATTEMPTS):
        cutter = Cutter(known)
        kept, _ = cutter.cut(value, allowed, ())
        wrapped = {"truncated": _explain(cutter.cuts, max_tokens, chars), "value": kept}
        text = _dump(wrapped)
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
    return best or _dump({"truncated": _explain([], max_tokens, chars), "value": summarize(value)})


def _explain(cuts: Sequence[Cut], max_tokens: int, chars: int | None) -> str:
    size = "" if chars is None else f" of {chars:,} chars"
    told = [
        f"{cut.kept:,} of {cut.total:,} {cut.unit} of {_write_path(cut.path)}"
        for cut in sorted(cuts, key=lambda cut: (len(cut.path), cut.kept - cut.total))[:2]
    ]
    more = f", and {len(cuts) - len(told):,} more cuts" if len(cuts) > len(told) else ""
    kept = f"kept {', '.join(told)}{more}. " if told else ""
    return (
        f"Result{size} cut to {max_tokens:,} tokens: {kept}"
        "Narrow it in the code: filter, slice, select fields or aggregate."
    )


def _write_path(path: tuple[str | int, ...]) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step[:20]}" for step in path[:3]]
    return "$" + "".join(steps) + ("…" if len(path) > len(steps) else "")
