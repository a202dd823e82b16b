"""An excerpt: what to show of a value that is too long, for about a number of tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from json.encoder import encode_basestring as quote
from typing import Any

from pymode.answers.tokens import count_tokens_bound

# Text denser than this (runs of blanks) counts as too long although it might fit.
CHARS_PER_TOKEN = 12
# Nothing nested deeper is shown, which also bounds the recursion.
_DEPTH = 24
# A list shows about that many cut items before it shows any item whole; a mapping that many values.
_ITEMS_SHOWN = 20
_VALUES_SHOWN = 40
_MARKER_TOKENS = 8
_SUMMARY_TOKENS = 5
# Names and ids are of more use than the deep values beside them: they stay whole.
_SHORT_TOKENS = 24
_ITEM_TOKENS = 48


@dataclass(frozen=True, slots=True)
class Cut:
    """One place where something was left out; `kept` and `total` count items, keys or chars."""

    path: tuple[str | int, ...]
    kept: int
    total: int
    unit: str


def summarize(value: object) -> str:
    """Return a few words that stand for a value, such as "{12 keys}" or "[480 items]"."""
    match value:
        case dict():
            return f"{{{len(value):,} keys}}"
        case list():
            return f"[{len(value):,} items]"
        case str():
            return f"({len(value):,} chars)"
    return f"({len(str(value)):,} digits)"


class _TooLongError(Exception):
    """The value is longer than asked for."""


@dataclass(slots=True)
class Cutter:
    """Cuts one value to about a number of tokens, from the top down.

    Each container shares out what it may cost among its parts: those that need less than an
    equal share are kept whole, the others are cut to what is left. No part is measured beyond
    a few times its share, so the work follows from the budget and not from the value.

    Args:
        known: tokens of values by id: at least, and at most.
        cuts: places where something was left out.
    """

    known: dict[int, tuple[float, float]]
    cuts: list[Cut] = field(default_factory=list)

    def cut(self, value: Any, tokens: float, path: tuple[str | int, ...]) -> tuple[Any, float]:
        """Return what to show of `value` for about `tokens`, and what that costs."""
        cost = self._measure(value, tokens)
        if cost <= tokens:
            return value, cost
        if isinstance(value, str):
            return self._cut_string(value, tokens, path)
        if isinstance(value, list | dict):
            if len(path) < _DEPTH and tokens > _MARKER_TOKENS * 2:
                kept, cost = (
                    self._cut_list(value, tokens, path)
                    if isinstance(value, list)
                    else self._cut_dict(value, tokens, path)
                )
                if cost:
                    return kept, cost
            self.cuts.append(Cut(path, 0, len(value), _unit(value)))
        return summarize(value), _SUMMARY_TOKENS

    def _cut_string(
        self, value: str, tokens: float, path: tuple[str | int, ...]
    ) -> tuple[str, float]:
        room = tokens - _MARKER_TOKENS
        length = _fitting_chars(value, room) if room > 0 else 0
        self.cuts.append(Cut(path, length, len(value), "chars"))
        if not length:
            return summarize(value), _SUMMARY_TOKENS
        return f"{value[:length]}… (+{len(value) - length:,} chars)", tokens

    def _cut_list(
        self, value: list[Any], tokens: float, path: tuple[str | int, ...]
    ) -> tuple[list[Any], float]:
        left = tokens - _MARKER_TOKENS
        share = max(left / len(value), min(left, max(left / _ITEMS_SHOWN, _ITEM_TOKENS)))
        costs: list[float] = []
        for item in value:
            cost = self._measure(item, share - 1) + 1
            if min(cost, share) > left:
                break
            costs.append(cost)
            left -= min(cost, share)
        spread = left / max(sum(cost > share for cost in costs), 1)
        kept: list[Any] = []
        total = spare = 0.0
        for index, cost in enumerate(costs):
            # What an item leaves of its share goes to the next one.
            allotted = cost if cost <= share else share + spread + spare
            shown, cost = self.cut(value[index], allotted - 1, (*path, index))
            spare = max(0.0, allotted - cost - 1)
            total += cost + 1
            kept.append(shown)
        if len(kept) < len(value):
            self.cuts.append(Cut(path, len(kept), len(value), "items"))
            kept.append(f"… {len(value) - len(kept):,} more items")
            total += _MARKER_TOKENS
        return kept, total if costs else 0.0

    def _cut_dict(
        self, value: dict[str, Any], tokens: float, path: tuple[str | int, ...]
    ) -> tuple[dict[str, Any], float]:
        left = tokens - _MARKER_TOKENS
        least = float(_SUMMARY_TOKENS)
        if len(value) > _VALUES_SHOWN:
            least = max(least, left / _VALUES_SHOWN)
        names: dict[str, str] = {}
        fixed = 0.0
        long: list[str] = []
        for key, part in value.items():
            name = key if len(key) <= 100 else f"{key[:60]}… (+{len(key) - 60:,} chars)"
            cost = count_tokens_bound(name) + 2.0
            container = isinstance(part, list | dict)
            whole = self._measure(part, least if container else _SHORT_TOKENS)
            flexible = container or whole > _SHORT_TOKENS
            need = min(whole, least) if flexible else whole
            if cost + need > left:
                break
            left -= cost + need
            fixed += cost if flexible else cost + whole
            if names.setdefault(name, key) == key and flexible:
                long.append(key)
        room = tokens - _MARKER_TOKENS - fixed
        share = room / max(len(long), 1)
        costs = {key: self._measure(value[key], 4 * share + 50) for key in long}
        level = _level(list(costs.values()), room)
        kept: dict[str, Any] = {}
        total, spare = fixed, 0.0
        for name, key in names.items():
            if key not in costs:
                kept[name] = value[key]
                continue
            allotted = costs[key] if costs[key] <= level else level + spare
            kept[name], cost = self.cut(value[key], allotted, (*path, key))
            spare = max(0.0, allotted - cost)
            total += cost
        if len(kept) < len(value):
            self.cuts.append(Cut(path, len(kept), len(value), "keys"))
            kept["…"] = f"{len(value) - len(kept):,} more keys"
            total += _MARKER_TOKENS
        return kept, total if names else 0.0

    def _measure(self, value: Any, tokens: float) -> float:
        """Return what `value` costs within its container, or infinity if more than `tokens`."""
        if isinstance(value, int | float | None):
            cost = 1.0 + len(_write_number(value)) // 3
            return cost if cost <= tokens else float("inf")
        at_least, at_most = self.known.get(id(value), (0.0, float("inf")))
        if at_most < float("inf"):
            return at_most
        if at_least > tokens:
            return float("inf")
        try:
            parts: list[str] = []
            _write(value, parts, [tokens * CHARS_PER_TOKEN + 50], _DEPTH)
            # Its outer quotes or brackets merge with the punctuation around it.
            cost = max(1.0, count_tokens_bound("".join(parts), enough=tokens + 1) - 1.0)
        except _TooLongError:
            cost = float("inf")
        if cost > tokens:
            self.known[id(value)] = (max(tokens, at_least), float("inf"))
            return float("inf")
        self.known[id(value)] = (cost, cost)
        return cost


def _write(value: Any, parts: list[str], room: list[float], depth: int) -> None:
    """Append the JSON of `value` to `parts`, but give up beyond `room` characters or `depth`."""
    if isinstance(value, str):
        if len(value) > room[0]:
            raise _TooLongError
        text = quote(value)
    elif isinstance(value, list | dict):
        if depth == 0 or len(value) > room[0]:
            raise _TooLongError
        opening, closing = "[]" if isinstance(value, list) else "{}"
        parts.append(opening)
        for index, item in enumerate(value):
            if index:
                parts.append(",")
            _write(item, parts, room, depth - 1)
            if isinstance(value, dict):
                parts.append(":")
                _write(value[item], parts, room, depth - 1)
        text = closing
    else:
        text = _write_number(value)
    parts.append(text)
    room[0] -= len(text)
    if room[0] < 0:
        raise _TooLongError


def _write_number(value: float | bool | None) -> str:
    if value is None or value is True or value is False:
        return "null" if value is None else str(value).lower()
    return repr(value) if isinstance(value, int) or math.isfinite(value) else "null"


def _unit(value: list[Any] | dict[str, Any]) -> str:
    return "items" if isinstance(value, list) else "keys"


def _level(costs: list[float], tokens: float) -> float:
    """Return the share at which parts that cost less leave most to the others."""
    ordered = sorted(costs)
    for index, cost in enumerate(ordered):
        share = tokens / (len(ordered) - index)
        if cost > share:
            return share
        tokens -= cost
    return float("inf")


def _fitting_chars(value: str, tokens: float) -> int:
    length = min(len(value), int(tokens * CHARS_PER_TOKEN))
    for _ in range(8):
        cost = count_tokens_bound(quote(value[:length]), enough=tokens * 3)
        if cost <= tokens:
            break
        length = int(length * min(0.95, tokens / cost))
    return length
