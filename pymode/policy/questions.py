"""Describe an action so that a person can judge it: no secrets, no tricks, bounded."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Mapping

from pymode.policy.action import Action, Request, RequestAction
from pymode.policy.approvals import Question
from pymode.policy.digest import digest_request
from pymode.policy.masking import MASK, is_secret, mask, mask_text

MAX_BODY_CHARS = 4_000
MAX_LINE_CHARS = 400
# JSON of this size is parsed in some 50 ms. A larger body is shown as text, or only by its size.
MAX_PARSED_BYTES = 512 * 1024

_PLAIN_PATH = re.compile(r"[A-Za-z0-9/_.~:@$+,=\-]*")


def ask_about_request(action: RequestAction, clean: Callable[[str], str] = str) -> Question:
    """Describe a request that needs a person's approval.

    Args:
        action: the request that a rule holds.
        clean: takes the API token out of a text.
    """
    request, operation = action.request, action.operation
    query = "&".join(
        f"{name}={MASK if is_secret(name) else mask_text(value)}" for name, value in request.query
    )
    path = request.path + (f"?{query}" if query else "")
    bare = request.path.partition("?")[0].rstrip("/")
    template = operation.path if operation else None
    return Question(
        method=request.method,
        path=_line(clean(mask_text(path))),
        operation=_name_operation(bare, template, digest_request(request, "")),
        operation_id=_line(operation.operation_id or "") or None if operation else None,
        summary=_line(operation.summary) if operation else "",
        body_text=_bound(clean("\n".join([*_headers(request.headers), *_body(request)]))),
        rule=_line(action.held_by),
    )


def ask_about_tool(
    action: Action, title: str, summary: str, arguments: bytes, digest: str
) -> Question:
    """Describe a call of a tool that needs a person's approval.

    Args:
        action: the call that a rule holds.
        title: the name that the tool has at its source.
        summary: the first line of its description.
        arguments: the arguments of the call, as JSON.
        digest: the digest of the exact call.
    """
    return Question(
        method=action.method,
        path=_line(mask_text(action.path)),
        operation=_name_operation(action.path, action.path, digest),
        operation_id=_line(title),
        summary=_line(summary),
        body_text=_bound("\n".join(_content(arguments, "application/json"))),
        rule=_line(action.held_by),
    )


def _name_operation(path: str, template: str | None, digest: str) -> str:
    """Name what "all of this operation" approves; the odder the request, the narrower the name.

    Args:
        path: the path of the action, without its query.
        template: the path template of the operation, if the document has one.
        digest: the digest of the exact action.
    """
    plain = _PLAIN_PATH.fullmatch(path) and not {"", ".", ".."} & set(path.split("/")[1:])
    # A server may read an odd path in another way than the document does.
    name = template if template and plain else _line(path)
    if not plain or len(path) > MAX_LINE_CHARS or "graphql" in path.lower():
        # All GraphQL requests have one path, and an odd path may mean several operations. So an
        # approval of "all" covers only repetitions of the same request.
        name += f" {digest[:12]}"
    return name


def show(question: Question) -> str:
    """Return the lines that a person reads, in a terminal or a client."""
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


_Decoder = codecs.getincrementaldecoder("utf-8")


def _headers(headers: Mapping[str, str]) -> Iterable[str]:
    for name, value in headers.items():
        if name not in ("accept", "content-type"):
            yield f"{name}: {MASK if is_secret(name) else mask_text(value)}"


def _body(request: Request) -> Iterable[str]:
    for name, (filename, content, content_type) in request.files or ():
        about = ", ".join(part for part in (filename, content_type) if part)
        yield f"file {name} ({about or 'no name'}), {len(content):,} bytes"
        yield from _content(content, content_type or "")
    if request.content:
        yield from _content(request.content, request.headers.get("content-type", ""))


def _content(content: bytes, content_type: str) -> Iterable[str]:
    is_whole = len(content) <= MAX_PARSED_BYTES
    try:
        # The cut may lie in the middle of a character.
        text = _Decoder().decode(content[:MAX_PARSED_BYTES], final=is_whole)
    except UnicodeDecodeError:
        yield f"{len(content):,} bytes of {content_type or 'binary data'}"
        return
    if is_whole:
        try:
            yield json.dumps(mask(json.loads(text)), indent=1, ensure_ascii=False)
            return
        # What is not JSON, or is nested too deeply, is shown as text below.
        except (ValueError, RecursionError):
            pass
    rest = len(content) - MAX_PARSED_BYTES
    yield mask_text(text) + (f"… and {rest:,} bytes" if rest > 0 else "")


def _bound(text: str) -> str:
    shown = "\n".join(_printable(line) for line in text[:MAX_BODY_CHARS].split("\n"))
    left = len(text) - MAX_BODY_CHARS
    return f"{shown}\n… {left:,} more characters are not shown" if left > 0 else shown


def _line(text: str) -> str:
    shown = _printable(text)
    return shown if len(shown) <= MAX_LINE_CHARS else f"{shown[: MAX_LINE_CHARS - 1]}…"


def _printable(text: str) -> str:
    """Escape control characters, and others that change how the text around them is displayed."""
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape", "replace").decode()
        for character in text
    )
