"""Builds an example value of a schema around the values that are known.

Documents are hostile: whatever multiplies (depth, values, alternatives, comparisons) has a bound,
after which the sample is smaller, not wrong.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from pymode.documents.hints import NOTHING, agrees, convert, find_example, find_kind, properties
from pymode.documents.schemas import Follow, flatten
from pymode.documents.violations import Violation, find_violations

MAX_DEPTH: Final = 6
MAX_VALUES: Final = 400
MAX_TEXT_CHARS: Final = 1_000
MAX_ITEMS: Final = 20
MAX_ALTERNATIVES: Final = 50
# For hostile documents: schemas looked at in alternatives, and values compared with schemas.
MAX_SCHEMAS_READ: Final = 5_000
MAX_COMPARISONS: Final = 300
MAX_COMPARISON_STEPS: Final = 500

# An answer that went well has nothing in these.
_EMPTY_ON_SUCCESS: Final = frozenset({"errors", "error", "warnings", "messages"})
_TRUE: Final = frozenset({"success", "ok", "deleted"})
_FORMATS: Final = {
    "date-time": "2025-01-01T00:00:00Z",
    "date": "2025-01-01",
    "time": "00:00:00Z",
    "duration": "PT1H",
    "email": "user@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "binary": "",
    "byte": "",
}
_HEX: Final = re.compile(r"[0-9a-f]{16,64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ID: Final = re.compile(r"(.*_)?(id|identifier|uuid|uid)|.*Id", re.DOTALL)


class Sampler:
    """Builds one sample.

    Args:
        follow: resolves references.
        seed: the same seed gives the same ids.
        creates: whether the sample is a new thing, which has an id of its own.
    """

    def __init__(self, follow: Follow, seed: str, *, creates: bool) -> None:
        self._follow = follow
        self._digest = hashlib.sha256(seed.encode("utf-8", "replace")).hexdigest()
        self._creates = creates
        self._values = MAX_VALUES
        self._schemas_left = MAX_SCHEMAS_READ
        self._comparisons = MAX_COMPARISONS

    def build(self, schema: object, given: dict[str, Any]) -> Any:
        """Return a value of a schema, with what is given put where it belongs."""
        return self._place(schema, given, 0)

    def free(self, value: object, depth: int = 0) -> Any:
        """Return a copy of a value, cut where it is too large or too deep."""
        self._values -= 1
        if isinstance(value, dict):
            pairs = list(value.items()) if depth < MAX_DEPTH else []
            return {k[:200]: self.free(v, depth + 1) for k, v in pairs if self._values > 0}
        if isinstance(value, list):
            items = value[:MAX_ITEMS] if depth < MAX_DEPTH else []
            return [self.free(item, depth + 1) for item in items if self._values > 0]
        if isinstance(value, float) and not math.isfinite(value):
            return None
        return value[:MAX_TEXT_CHARS] if isinstance(value, str) else value

    def _violations(self, parts: list[Mapping[str, Any]], given: object) -> list[Violation]:
        self._comparisons -= 1
        if self._comparisons < 0:
            return []
        return find_violations(self._follow, {"allOf": parts}, given, MAX_COMPARISON_STEPS)

    def _place(self, schema: object, given: dict[str, Any], depth: int) -> Any:
        """Put the given values into the inner object of an envelope that has none of them."""
        parts = self._choose(flatten(self._follow, schema), given)
        names = {name for name, _ in properties(parts)} - _EMPTY_ON_SUCCESS
        if depth < 2 and not names & given.keys():
            for key in ("result", "data", "item", "items"):
                if key in names:
                    inner = {"allOf": [s for name, s in properties(parts) if name == key]}
                    return self._object(parts, {}, find_example(parts), 0, {key: (inner, given)})
        return self._value(parts, given, NOTHING, 0, "")

    def _value(
        self,
        parts: list[Mapping[str, Any]],
        given: object,
        hint: object,
        depth: int,
        name: str,
    ) -> Any:
        """Return a value that fits the parts.

        Args:
            parts: from `flatten`.
            given: by the request, or `NOTHING`.
            hint: from an example of what contains the value, or `NOTHING`.
            depth: of the value in the answer.
            name: of the property.
        """
        parts = self._choose(parts, given)
        if hint is NOTHING:
            hint = find_example(parts)
        kind = find_kind(parts)
        if kind == "object" or (not kind and isinstance(hint, dict)):
            return self._object(parts, given, hint, depth, {})
        if kind == "array" or (not kind and isinstance(hint, list)):
            return self._array(parts, given, hint, depth, name)
        given = convert(given, kind)
        offered = given is not NOTHING and not isinstance(given, dict | list)
        if offered and not self._violations(parts, given):
            return self.free(given)
        if hint is not NOTHING and agrees(hint, kind):
            return self._vary(hint, name) if isinstance(hint, str) else self.free(hint, depth)
        return self._scalar(parts, kind, name)

    def _object(
        self,
        parts: list[Mapping[str, Any]],
        given: object,
        hint: object,
        depth: int,
        inner: dict[str, tuple[object, dict[str, Any]]],
    ) -> Any:
        offered = given if isinstance(given, dict) else {}
        shown = hint if isinstance(hint, dict) else {}
        defined: dict[str, list[object]] = {}
        for name, schema in properties(parts):
            defined.setdefault(name, []).append(schema)
        if not defined:
            return self.free(shown | offered, depth)
        required = {name for part in parts for name in _strings(part.get("required"))}
        value: dict[str, Any] = {}
        for name in [*sorted(defined, key=lambda n: n not in required), *(shown.keys() - defined)]:
            # What is required comes first, and a little more than the bound is left for it.
            if self._values <= (-MAX_VALUES if name in required else 0):
                break
            self._values -= 1
            if name in inner:
                value[name] = self._place(*inner[name], depth + 1)
                continue
            offer, example = offered.get(name, NOTHING), shown.get(name, NOTHING)
            below = flatten(self._follow, *defined.get(name, []))
            if (
                name in _EMPTY_ON_SUCCESS - offered.keys() - required
                and find_kind(below) != "array"
            ):
                continue
            if depth >= MAX_DEPTH and find_kind(below) in ("object", "array"):
                value[name] = {} if find_kind(below) == "object" else []
            else:
                value[name] = self._value(below, offer, example, depth + 1, name)
        order = [*defined, *shown]
        return {name: value[name] for name in dict.fromkeys(order) if name in value}

    def _array(
        self, parts: list[Mapping[str, Any]], given: object, hint: object, depth: int, name: str
    ) -> list[Any]:
        items = flatten(self._follow, *(part["items"] for part in parts if "items" in part))
        # Many schemas that have properties forget to say that they are of objects.
        needed = {"object": dict, "array": list}.get(find_kind(items), object)
        agrees = isinstance(given, list) and all(isinstance(item, needed) for item in given)
        if isinstance(given, list) and agrees and not self._violations(parts, given):
            return [self.free(item, depth + 1) for item in given[:MAX_ITEMS]]
        if name in _EMPTY_ON_SUCCESS or depth >= MAX_DEPTH or self._values <= 0:
            return []
        offer = given if isinstance(given, dict) else NOTHING
        hints = hint if isinstance(hint, list) else [NOTHING]
        return [self._value(items, offer, one, depth + 1, "") for one in hints[:1]]

    def _choose(self, parts: list[Mapping[str, Any]], given: object) -> list[Mapping[str, Any]]:
        """Add the alternative that fits best to the parts, for each place that has some."""
        chosen = list(parts)
        for part in chosen:
            for keyword in ("oneOf", "anyOf"):
                options = part.get(keyword)
                options = options[:MAX_ALTERNATIVES] if isinstance(options, list) else []
                if len(chosen) < MAX_ALTERNATIVES and (best := self._best(chosen, options, given)):
                    # The loop goes on with what is added here: alternatives may have some too.
                    seen = set(map(id, chosen))
                    chosen += [one for one in best if id(one) not in seen]
        return chosen

    def _best(
        self, parts: list[Mapping[str, Any]], options: list[Any], given: object
    ) -> list[Mapping[str, Any]]:
        kind = find_kind(parts)
        candidates = []
        for option in options:
            found = flatten(self._follow, option) if self._schemas_left > 0 else []
            self._schemas_left -= 1 + len(found)
            if not found:
                continue
            if find_kind(found) != "null" and (not kind or find_kind(found) in ("", kind)):
                candidates.append(found)
        if isinstance(given, dict):
            fitting = [c for c in candidates if self._suits(c, given)]
            # The first of several that share the same number of names.
            candidates = sorted(fitting, key=lambda one: -_shared(one, given)) or candidates
        elif given is not NOTHING:
            candidates = [
                one for one in candidates if not self._violations(one, given)
            ] or candidates
        return candidates[0] if candidates else []

    def _suits(self, parts: list[Mapping[str, Any]], given: dict[str, Any]) -> bool:
        """Say whether an alternative allows a given value, for example by its `type`."""
        return not any(violation.kind == "enum" for violation in self._violations(parts, given))

    def _scalar(self, parts: list[Mapping[str, Any]], kind: str, name: str) -> Any:
        self_made = self._digest[:32]
        merged = {key: value for part in reversed(parts) for key, value in part.items()}
        match kind:
            case "boolean":
                return name in _TRUE
            case "integer" | "number":
                low, high = merged.get("minimum"), merged.get("maximum")
                number = max(1, low) if isinstance(low, int | float) else 1
                return min(number, high) if isinstance(high, int | float) else number
            case "null":
                return None
        if kind != "string" and not parts:
            return None
        form = merged.get("format")
        if form == "uuid":
            d = self_made
            return f"{d[:8]}-{d[8:12]}-{d[12:16]}-{d[16:20]}-{d[20:]}"
        text = self_made if _ID.fullmatch(name) else "dry-run"
        text = _FORMATS.get(form, text) if isinstance(form, str) else text
        longest = merged.get("maxLength")
        return text[:longest] if isinstance(longest, int) and longest >= 0 else text

    def _vary(self, example: str, name: str) -> str:
        """Return an id for a new object, in the form of the example."""
        if not (self._creates and name in ("id", "uuid", "identifier") and _HEX.fullmatch(example)):
            return example[:MAX_TEXT_CHARS]
        digits = iter(self._digest)
        return "".join(char if char == "-" else next(digits) for char in example)


def _shared(parts: list[Mapping[str, Any]], given: dict[str, Any]) -> int:
    return len({name for name, _ in properties(parts)} & given.keys())


def _strings(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
