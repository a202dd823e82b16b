"""Write a request so that a person can judge it: no secrets, no tricks, bounded."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from pymode.apis.outgoing import Outgoing
from pymode.call.journal import digest_request
from pymode.policy.approvals import Question

MASK = "[masked]"
BODY_CHARS = 4_000
LINE_CHARS = 400
# A larger body is shown as text or by its size; JSON of this size is parsed in some 50 ms.
PARSED_BYTES = 512 * 1024
DEEPEST = 50

_SECRET_NAME = re.compile(
    r"token|secret|passw(or)?d|passphrase|credential|authorization|private|(^|[_.\- ])key$"
    r"|[a-z]Key$|api_?key|^key$|cookie|signature|(^|[_.\- ])auth$",
)
_WORD = re.compile(r"[A-Za-z0-9+/_=.\-]{24,}")
_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{1,60}-----.*?(-----END [A-Z0-9 ]{1,60}-----|$)", re.DOTALL)
_SCHEME = re.compile(r"\b(bearer|basic|token)(\s+)[^\s\"',;]{8,}", re.IGNORECASE)
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/_.~:@$+,=\-]*")
# Identifiers, which a person needs to see what is meant.
_IDENTIFIER = re.compile(r"[0-9a-f]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Described(Protocol):
    """What is used of `pymode.documents.operations.Operation`."""

    @property
    def path(self) -> str:
        """The template."""

    @property
    def operation_id(self) -> str | None:
        """None when the document gives none."""

    @property
    def summary(self) -> str:
        """One line; may be empty."""


def write_question(
    outgoing: Outgoing,
    operation: Described | None,
    rule: str,
    clean: Callable[[str], str] = str,
) -> Question:
    """Describe a request that the rules hold.

    Args:
        outgoing: what would be sent.
        operation: what the document knows of it.
        rule: the rule that holds it.
        clean: takes the API token out of a text.
    """
    query = "&".join(
        f"{name}={MASK if _is_secret(name) else mask_text(value)}" for name, value in outgoing.query
    )
    path = outgoing.path + (f"?{query}" if query else "")
    bare = outgoing.path.partition("?")[0].rstrip("/")
    return Question(
        method=outgoing.method,
        path=_line(clean(mask_text(path))),
        operation=_name_operation(outgoing, bare, operation),
        operation_id=_line(operation.operation_id or "") or None if operation else None,
        summary=_line(operation.summary) if operation else "",
        body_text=_bound(clean("\n".join([*_headers(outgoing.headers), *_body(outgoing)]))),
        rule=_line(rule),
    )


def _name_operation(outgoing: Outgoing, path: str, operation: Described | None) -> str:
    """Name what "all of this operation" would approve; the narrower, the odder the request."""
    plain = _PLAIN_PATH.fullmatch(path) and not {"", ".", ".."} & set(path.split("/")[1:])
    # A server may read an odd path in another way than the document does.
    name = operation.path if operation and plain else _line(path)
    if not plain or len(path) > LINE_CHARS or "graphql" in path.lower():
        # Of GraphQL, one path for all that there is, and of what cannot be named for sure, only
        # the same request again is the same operation.
        name += f" {digest_request(outgoing, '')[:12]}"
    return name


def show(question: Question) -> str:
    """The lines that a person reads, whatever asks."""
    what = " ".join(
        part
        for part in (
            question.summary,
            f"({question.operation_id})" if question.operation_id else "",
        )
        if part
    )
    body = "\n".join(f"    {line}" for line in question.body_text.splitlines())
    lines = [
        f"{question.method} {question.path}",
        what or "an operation that the API's document does not have",
        *([body] if body else ["no body"]),
        f"held by {question.rule}",
    ]
    return "\n".join(lines)


def mask(value: object, depth: int = 0) -> object:
    """JSON without what looks like a secret: by the name of its key, or by its own look."""
    if depth > DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {
            key: MASK if _is_secret(str(key)) and _is_filled(each) else mask(each, depth + 1)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [mask(each, depth + 1) for each in value]
    return mask_text(value) if isinstance(value, str) else value


def mask_text(text: str) -> str:
    """Text without keys in PEM, credentials after their scheme, and long words of chance."""
    text = _PEM.sub(MASK, text)
    text = _SCHEME.sub(rf"\1\2{MASK}", text)
    return _WORD.sub(lambda match: MASK if _is_random(match[0]) else match[0], text)


def _is_secret(name: str) -> bool:
    return bool(_SECRET_NAME.search(name) or _SECRET_NAME.search(name.lower()))


def _is_filled(value: object) -> bool:
    return value not in (None, "", [], {}) and not isinstance(value, bool)


def _is_random(word: str) -> bool:
    """Say whether a word looks drawn at random: long, of mixed kinds, no character frequent."""
    if _IDENTIFIER.fullmatch(word):
        return False
    # A path or a name of several words is judged by its parts.
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
    # Of 20 characters at most 4.3 bits each are possible; English words joined have about 3.5.
    return (mixed == 3 and entropy >= 3.5) or (mixed == 2 and len(part) >= 32 and entropy >= 3.2)


def _headers(headers: Mapping[str, str]) -> Iterable[str]:
    for name, value in headers.items():
        if name not in ("accept", "content-type"):
            yield f"{name}: {MASK if _is_secret(name) else mask_text(value)}"


def _body(outgoing: Outgoing) -> Iterable[str]:
    for name, (filename, content, content_type) in outgoing.files or ():
        about = ", ".join(part for part in (filename, content_type) if part)
        yield f"file {name} ({about or 'no name'}), {len(content):,} bytes"
        yield from _content(content, content_type or "")
    if outgoing.content:
        yield from _content(outgoing.content, outgoing.headers.get("content-type", ""))


def _content(content: bytes, content_type: str) -> Iterable[str]:
    try:
        text = content[:PARSED_BYTES].decode()
    except UnicodeDecodeError:
        yield f"{len(content):,} bytes of {content_type or 'binary data'}"
        return
    if len(content) <= PARSED_BYTES:
        try:
            yield json.dumps(mask(json.loads(text)), indent=1, ensure_ascii=False)
            return
        except (ValueError, RecursionError):
            pass
    rest = len(content) - PARSED_BYTES
    yield mask_text(text[: 4 * BODY_CHARS]) + (f"… and {rest:,} bytes" if rest > 0 else "")


def _bound(text: str) -> str:
    shown = "\n".join(_printable(line) for line in text[:BODY_CHARS].split("\n"))
    left = len(text) - BODY_CHARS
    return f"{shown}\n… {left:,} more characters are not shown" if left > 0 else shown


def _line(text: str) -> str:
    shown = _printable(text)
    return shown if len(shown) <= LINE_CHARS else f"{shown[: LINE_CHARS - 1]}…"


def _printable(text: str) -> str:
    """Escape what a terminal obeys, and what makes text look like other text."""
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape", "replace").decode()
        for character in text
    )
