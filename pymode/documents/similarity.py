"""Ranks the templates of a document by their similarity to a path that it does not have."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable
from difflib import SequenceMatcher

from pymode.documents.routes import split

# A path with more segments is not a misspelt one, and comparing it would take long.
MAX_SEGMENTS = 24
MAX_SEGMENT_CHARS = 80
MAX_TEMPLATES = 20_000
# Aligning takes a thousand times as long as comparing trigrams, so only the best are aligned.
MAX_ALIGNED = 40
# Below this a template has little more in common with a path than its first segment.
MIN_SCORE = 0.55
# A literal says what is meant; an id can be anywhere.
PARAMETER_WEIGHT = 0.5
# A value that does not look like an id is less likely to be one.
UNLIKELY_ID = 0.8
# A misspelt literal counts a little less than a right one, and two words that share less than this
# are different words.
MISSPELT = 0.95
MIN_RATIO = 0.6
# In the trigram comparison: templates with the right number of segments come first.
SAME_LENGTH_BONUS = 0.2

_ID = re.compile(r"\{.*|<.*|:.*|.*\d.*\d.*\d.*|.{60,}|None|null|undefined", re.DOTALL)


class SimilarTemplates:
    """Templates that can be compared with a path.

    Args:
        templates: the first `MAX_TEMPLATES` are used.
    """

    def __init__(self, templates: Iterable[str]) -> None:
        self._entries = [
            (template, segments, _trigrams(segments))
            for template, _ in zip(templates, range(MAX_TEMPLATES), strict=False)
            if len(segments := split(template)) <= MAX_SEGMENTS
        ]

    def rank(self, path: str) -> list[tuple[float, str]]:
        """Return scores from `MIN_SCORE` to 1 with their templates, the nearest one first."""
        sent = [segment[:MAX_SEGMENT_CHARS] for segment in split(path)[:MAX_SEGMENTS]]
        trigrams = _trigrams(sent)

        def overlap(entry: tuple[str, list[str], frozenset[str]]) -> float:
            _, segments, known = entry
            shared = 2 * len(trigrams & known) / (len(trigrams) + len(known) or 1)
            return shared + (SAME_LENGTH_BONUS if len(segments) == len(sent) else 0.0)

        likely = heapq.nlargest(MAX_ALIGNED, self._entries, key=overlap)
        ratios: dict[tuple[str, str], float] = {}
        scored = [(_align(sent, segments, ratios), template) for template, segments, _ in likely]
        return sorted((s for s in scored if s[0] >= MIN_SCORE), key=lambda s: (-s[0], s[1]))


def _trigrams(segments: list[str]) -> frozenset[str]:
    words = [f"/{segment}/" for segment in segments if not _ID.fullmatch(segment)]
    return frozenset(word[i : i + 3] for word in words for i in range(len(word) - 2))


def _align(sent: list[str], known: list[str], ratios: dict[tuple[str, str], float]) -> float:
    """Compare two lists of segments in their order; 1 is the same."""
    best = [0.0] * (len(known) + 1)
    for segment in sent:
        row = [0.0]
        for index, other in enumerate(known):
            together = best[index] + _ratio(segment, other[:MAX_SEGMENT_CHARS], ratios)
            row.append(max(together, best[index + 1], row[index]))
        best = row
    weight = sum(PARAMETER_WEIGHT if _ID.fullmatch(segment) else 1.0 for segment in sent)
    weight += sum(PARAMETER_WEIGHT if other.startswith("{") else 1.0 for other in known)
    return 2 * best[-1] / (weight or 1)


def _ratio(segment: str, other: str, ratios: dict[tuple[str, str], float]) -> float:
    if segment == other:
        return 1.0
    is_id = _ID.fullmatch(segment)
    if other.startswith("{"):
        return PARAMETER_WEIGHT if is_id else UNLIKELY_ID * PARAMETER_WEIGHT
    if is_id:
        return 0.0
    key = (segment, other)
    if key not in ratios:
        ratio = SequenceMatcher(None, segment, other, autojunk=False).ratio()
        ratios[key] = MISSPELT * ratio if ratio > MIN_RATIO else 0.0
    return ratios[key]
