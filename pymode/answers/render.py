"""A value as compact JSON within a budget of tokens; what does not fit is cut structurally."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pymode.answers.cutter import Cut, Cutter, summarize
from pymode.answers.parts import CHARS_PER_TOKEN, SURROGATE
from pymode.answers.tokens import count_tokens_bound

# Below this there is no room for a value beside the sentence that says what was cut.
LEAST_TOKENS = 100

# The sentence names as many cuts as there is room for; this much is set aside for them.
_CUTS_NAMED = 2
_CUTS_TOKENS = 28
# A small budget sets aside only this share of itself.
_CUTS_SHARE = 8


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
    try:
        text = write_json(value)
    except RecursionError:
        return write_cut(value, max_tokens, None, kept_as)
    return text if fits(text, max_tokens) else write_cut(value, max_tokens, len(text), kept_as)


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
    return text if text.isascii() else SURROGATE.sub("\ufffd", text)


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def fits(text: str, max_tokens: int) -> bool:
    """Tell whether an answer is within its budget; less than `LEAST_TOKENS` counts as that many."""
    max_tokens = max(max_tokens, LEAST_TOKENS)
    # A token has at least one byte, so this settles small answers at no cost.
    if len(text) <= max_tokens and len(text.encode()) <= max_tokens:
        return True
    if len(text) > max_tokens * CHARS_PER_TOKEN:
        return False
    return count_tokens_bound(text, enough=max_tokens) <= max_tokens


def write_cut(
    value: object, max_tokens: int, chars: int | None = None, kept_as: str | None = None
) -> str:
    """Return what `render` makes of a value that does not fit.

    Args:
        value: the whole.
        max_tokens: the budget.
        chars: how long the JSON of the whole is, for the sentence, if that is known.
        kept_as: the name under which later code finds the whole, for the sentence.
    """
    max_tokens = max(max_tokens, LEAST_TOKENS)
    size = "" if chars is None else f" of {chars:,} chars"
    least = write_json({"truncated": _explain([], 0, size, max_tokens, kept_as), "value": ""})
    aside = count_tokens_bound(least) + min(_CUTS_TOKENS, max_tokens // _CUTS_SHARE)
    cutter = Cutter()
    shown = cutter.write(value, max_tokens - aside).text
    # A long path may leave no room to name the place of a cut.
    for named in range(_CUTS_NAMED, -1, -1):
        sentence = _explain(cutter.cuts, named, size, max_tokens, kept_as)
        text = f'{{"truncated":{write_json(sentence)},"value":{shown}}}'
        if fits(text, max_tokens):
            return text
    sentence = _explain([], 0, size, max_tokens, kept_as)
    return write_json({"truncated": sentence, "value": summarize(value)})


def _explain(
    cuts: Sequence[Cut], count: int, size: str, max_tokens: int, kept_as: str | None
) -> str:
    """Return the sentence beside a cut value; it names the first `count` cuts."""
    named = [
        f"{cut.kept:,} of {cut.total:,} {cut.unit} of {_write_path(cut.path)}"
        for cut in sorted(cuts, key=lambda cut: (len(cut.path), cut.kept - cut.total))[:count]
    ]
    more = f", and {len(cuts) - len(named):,} more cuts" if len(cuts) > len(named) else ""
    kept = f"kept {', '.join(named)}{more}. " if named else ""
    whole = f' The whole is results["{kept_as}"] in the next call.' if kept_as else ""
    return (
        f"Result{size} cut to {max_tokens:,} tokens: {kept}"
        f"Narrow it in the code: filter, slice, select fields or aggregate.{whole}"
    )


def _write_path(path: tuple[str | int, ...]) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step[:20]}" for step in path[:3]]
    return "$" + "".join(steps) + ("…" if len(path) > len(steps) else "")
