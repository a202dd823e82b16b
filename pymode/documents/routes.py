"""Finds the path templates of a document that fit a path as it is sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import unquote

MAX_STEPS = 5_000
NAMED = re.compile(r"\{([^{}]*)\}")


class _Node:
    """The segments that may follow the same first segments."""

    __slots__ = ("literals", "mixed", "named", "templates")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.mixed: dict[tuple[str, ...], _Node] = {}
        self.named: _Node | None = None
        self.templates: list[str] = []


class Routes:
    """Path templates, found by the paths that fit them.

    Args:
        spans: says whether the last parameter of a template may hold slashes.
        ignores_case: whether templates fit paths that differ from them in case only.
    """

    def __init__(self, spans: Callable[[str], bool], *, ignores_case: bool = False) -> None:
        self._root = _Node()
        self._spans = spans
        self._ignores_case = ignores_case

    def add(self, template: str) -> None:
        """Add one template, such as "/zones/{zone_id}"."""
        node = self._root
        for segment in split(template.lower() if self._ignores_case else template):
            node = _descend(node, segment)
        node.templates.append(template)

    def find(self, path: str) -> Iterator[str]:
        """Yield the templates that fit a percent-encoded path, the most literal one first."""
        for templates in self.find_alike(path):
            yield from templates

    def find_alike(self, path: str) -> Iterator[Sequence[str]]:
        """Yield the templates as `find` does; those that differ in names or case only, together.

        A parameter is one segment. Two kinds may hold slashes: one that its document marks so,
        and a scoped name such as "@cf/meta/llama".
        """
        segments = [unquote(segment) for segment in split(path)]
        if self._ignores_case:
            segments = [segment.lower() for segment in segments]
        wide: list[tuple[str, bool]] = []
        pending = [(self._root, 0)]
        # Templates that mix literals and parameters at every segment could be tried for ever.
        for _ in range(MAX_STEPS):
            if not pending:
                break
            node, index = pending.pop()
            if index == len(segments):
                if node.templates:
                    yield node.templates
                continue
            segment = segments[index]
            if node.named:
                pending.append((node.named, index + 1))
                if index + 1 < len(segments):
                    scoped = segment.startswith("@") and len(segments) - index <= 3
                    wide += [(template, scoped) for template in node.named.templates]
            pending += [
                (child, index + 1) for pieces, child in node.mixed.items() if fits(segment, pieces)
            ]
            if child := node.literals.get(segment):
                pending.append((child, index + 1))
        for template, scoped in reversed(wide):
            if scoped or self._spans(template):
                yield (template,)


def split(path: str) -> list[str]:
    """Split a path into its segments; a slash at the end and a query do not count."""
    path = path.partition("?")[0].strip("/")
    return path.split("/") if path else []


def fits(segment: str, pieces: tuple[str, ...]) -> bool:
    """Say whether a segment has the literal pieces of a mixed one, with something between."""
    first, *middle, last = pieces
    if not (segment.startswith(first) and segment.endswith(last)):
        return False
    start, end = len(first), len(segment) - len(last)
    for piece in middle:
        start = segment.find(piece, start + 1, end) + len(piece)
        if start < len(piece):
            return False
    return start < end


def bind(template: str, path: str) -> dict[str, str]:
    """Return the decoded values of the parameters that are whole segments, by their names."""
    named, sent = split(template), split(path)
    values = {}
    for index, segment in enumerate(named[: len(sent)]):
        if match := NAMED.fullmatch(segment):
            last = index == len(named) - 1
            values[match[1].strip("+*")] = unquote("/".join(sent[index:]) if last else sent[index])
    return values


def _descend(node: _Node, segment: str) -> _Node:
    if "{" not in segment:
        return node.literals.setdefault(unquote(segment), _Node())
    if NAMED.fullmatch(segment):
        node.named = node.named or _Node()
        return node.named
    pieces = tuple(unquote(piece) for piece in re.split(r"\{[^{}]*\}", segment))
    if len(pieces) == 1:
        return node.literals.setdefault(unquote(segment), _Node())
    return node.mixed.setdefault(pieces, _Node())
