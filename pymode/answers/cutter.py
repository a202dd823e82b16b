"""The cutter: writes a value that is too long as JSON within a budget of tokens."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pymode.answers.parts import CHARS_PER_TOKEN, MAX_DEPTH, Part, cost_of, quote, write_whole
from pymode.answers.tokens import count_tokens_bound, fitting_chars

# A list shows about that many cut items before it shows any item whole; a mapping that many values.
_ITEMS_SHOWN = 20
_VALUES_SHOWN = 40
# An item gets at least this much, or the list would be a list of markers.
_ITEM_TOKENS = 48
# Names and ids are of more use than the deep values beside them: they stay whole.
_SHORT_TOKENS = 24
_SUMMARY_TOKENS = 6
_BRACKET_TOKENS = 2
# A container with less than this cannot show anything beside the count of what it leaves out.
_CONTAINER_TOKENS = 16
_KEY_CHARS, _CUT_KEY_CHARS = 100, 60
# The key of a mapping under which stands how many keys are missing.
_MISSING = "…"

_WHOLE_CHARACTERS = re.compile(r'(?:[^\\"]+|\\u[0-9a-f]{4}|\\[^u])*')


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


@dataclass(slots=True)
class Cutter:
    """Writes one value within a number of tokens, from the top down and in one pass.

    Each container shares out its tokens among its parts: parts that need less than an equal share
    are written whole, the others are cut to what is left. No part is read further than a few times
    its share, so the work follows from the budget and not from the value.

    Args:
        cuts: places where something was left out.
    """

    cuts: list[Cut] = field(default_factory=list)

    def write(
        self, value: Any, tokens: float, path: tuple[str | int, ...] = (), key: str = ""
    ) -> Part:
        """Return what is shown of `value` for at most `tokens`, as far as that is possible.

        Args:
            value: what JSON can carry.
            tokens: the budget, for the key as well.
            path: where the value is, for the cuts.
            key: JSON text in front of the value: its key and a colon, or nothing.
        """
        whole = write_whole(value, tokens, key)
        if whole is not None:
            return whole
        part: Part | None = None
        room = tokens - (count_tokens_bound(key) if key else 0)
        if isinstance(value, str):
            part = self._write_string(value, room, path)
        elif isinstance(value, list | dict):
            if len(path) < MAX_DEPTH and room > _CONTAINER_TOKENS:
                if isinstance(value, list):
                    part = self._write_list(value, room, path)
                else:
                    part = self._write_dict(value, room, path)
            if part is None:
                self.cuts.append(Cut(path, 0, len(value), _unit(value)))
        text = quote(summarize(value)) if part is None else part.text
        cost = _SUMMARY_TOKENS if part is None else part.tokens
        return Part(key + text, cost + tokens - room)

    def _write_string(self, value: str, tokens: float, path: tuple[str | int, ...]) -> Part | None:
        room = tokens - cost_of(_cut_string("", value, 0))
        quoted = quote(value[: max(0, int(room * CHARS_PER_TOKEN))])[1:-1]
        # An escape that would be cut in two is left out.
        match = _WHOLE_CHARACTERS.match(quoted, 0, fitting_chars(quoted, room))
        shown = match.group() if match else ""
        kept = len(json.loads(f'"{shown}"'))
        self.cuts.append(Cut(path, kept, len(value), "chars"))
        return Part(_cut_string(shown, value, kept), tokens) if kept else None

    def _write_list(
        self, items: list[Any], tokens: float, path: tuple[str | int, ...]
    ) -> Part | None:
        left = tokens - _BRACKET_TOKENS - cost_of(_missing_items(len(items)))
        # An equal share, unless that is too little to show anything of an item.
        share = max(left / len(items), min(left, max(left / _ITEMS_SHOWN, _ITEM_TOKENS)))
        found: list[Part | None] = []
        for item in items:
            whole = write_whole(item, share, before=found[-1] if found else None)
            cost = share if whole is None else whole.tokens
            if cost > left:
                break
            left -= cost
            found.append(whole)
        if not found:
            return None
        allotted = share + left / max(found.count(None), 1)
        parts: list[Part] = []
        spare = 0.0
        for index, part in enumerate(found):
            if part is None:
                # What an item leaves of its share goes to the next one.
                part = self.write(items[index], allotted + spare, (*path, index))
                spare = max(0.0, allotted + spare - part.tokens)
            parts.append(part)
        missing = len(items) - len(parts)
        if missing:
            self.cuts.append(Cut(path, len(parts), len(items), "items"))
            text = _missing_items(missing)
            parts.append(Part(text, cost_of(text)))
        return _enclose("[]", parts)

    def _write_dict(
        self, value: dict[str, Any], tokens: float, path: tuple[str | int, ...]
    ) -> Part | None:
        left = tokens - _BRACKET_TOKENS - cost_of(_missing_keys(len(value)))
        least = float(_SUMMARY_TOKENS)
        if len(value) > _VALUES_SHOWN:
            least = max(least, left / _VALUES_SHOWN)
        found: dict[str, Part | None] = {}
        keys: dict[str, str] = {}
        whole: Part | None = None
        # Each key needs room for itself and at least a summary of its value; the rest is shared out
        # afterwards, when it is known how many values are long.
        for name, key in _names(value):
            item = value[key]
            cost = cost_of(name)
            short = least if isinstance(item, list | dict) else _SHORT_TOKENS
            whole = write_whole(item, cost + short, name, before=whole)
            cost = cost + least if whole is None else whole.tokens
            if cost > left:
                break
            left -= cost
            found[name], keys[name] = whole, key
        if not found:
            return None
        long = [name for name, part in found.items() if part is None]
        room = left + sum(least + cost_of(name) for name in long)
        shares = self._share_out(value, {name: keys[name] for name in long}, room, path)
        parts = [part or shares[name] for name, part in found.items()]
        missing = len(value) - len(parts)
        if missing:
            self.cuts.append(Cut(path, len(parts), len(value), "keys"))
            text = _missing_keys(missing)
            parts.append(Part(text, cost_of(text)))
        return _enclose("{}", parts)

    def _share_out(
        self,
        value: dict[str, Any],
        keys: dict[str, str],
        tokens: float,
        path: tuple[str | int, ...],
    ) -> dict[str, Part]:
        """Return the parts under `keys`, by name, for at most `tokens` together."""
        limit = 4 * tokens / max(len(keys), 1) + 50
        found = {name: write_whole(value[key], limit, name) for name, key in keys.items()}
        level = _level([part.tokens if part else math.inf for part in found.values()], tokens)
        parts: dict[str, Part] = {}
        spare = 0.0
        for name, part in found.items():
            if part is None or part.tokens > level:
                key = keys[name]
                part = self.write(value[key], level + spare, (*path, key), name)
                spare = max(0.0, level + spare - part.tokens)
            parts[name] = part
        return parts


def _names(value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each key as JSON with its colon, a long one cut, and the key itself."""
    seen = {_MISSING}
    for key in value:
        name = key
        if len(key) > _KEY_CHARS:
            name = f"{key[:_CUT_KEY_CHARS]}… (+{len(key) - _CUT_KEY_CHARS:,} chars)"
        if name not in seen:
            seen.add(name)
            yield f"{quote(name)}:", key


def _cut_string(shown: str, value: str, kept: int) -> str:
    return f'"{shown}… (+{len(value) - kept:,} chars)"'


def _missing_items(count: int) -> str:
    return f'"… {count:,} more items"'


def _missing_keys(count: int) -> str:
    return f'"{_MISSING}":"{count:,} more keys"'


def _enclose(brackets: str, parts: list[Part]) -> Part:
    text = ",".join(part.text for part in parts)
    return Part(
        brackets[0] + text + brackets[1], sum(part.tokens for part in parts) + _BRACKET_TOKENS
    )


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
    return math.inf
