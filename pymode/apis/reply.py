"""Turn the answer of an API into the reply that the guest reads; see `pymode.protocol.replies`.

JSON is not parsed here: that happens in the guest, under its limits.
"""

from __future__ import annotations

import base64
import math

from pymode.apis.retries import read_retry_after
from pymode.http.client import Response
from pymode.http.media_types import is_json, is_text
from pymode.protocol.replies import APIResponse, BodyKind, Failure, FailureKind

TEXT_CHARS = 500
LINK_CHARS = 20_000

# Headers that the guest sees, under the names of the head.
SHOWN = {
    "cf-ray": "ray_id",
    "x-request-id": "ray_id",
    "x-github-request-id": "ray_id",
    "location": "location",
    "link": "link",
    "retry-after": "retry_after",
    "x-dry-run": "dry_run",
}
CHARSETS = {"iso-8859-1": "cp1252", "latin-1": "cp1252", "latin1": "cp1252"}


def write_error(kind: str, message: str, status: int | None = None) -> str:
    """Write the reply for a request without an answer.

    Args:
        kind: see `HttpError`, or "refused" or "rule".
        message: what happened.
        status: of an answer that broke off, or that was too large.
    """
    return Failure(FailureKind(kind), message[: 4 * TEXT_CHARS], status).write()


def write_response(response: Response, note: str = "", base_url: str = "") -> str:
    """Write the reply with an answer from which the token was already taken out.

    Args:
        response: status, headers and body.
        note: a sentence for the reader of the error, if the status is one.
        base_url: of the API; links that lie below it are written as paths that can be requested.
    """
    content_type = response.headers.get("content-type", "")[:TEXT_CHARS]
    kind, body = classify(response.body, content_type)
    headers = _show_headers(response, base_url)
    return APIResponse(response.status, kind, body, content_type, headers, note).write()


def _show_headers(response: Response, base_url: str) -> dict[str, str]:
    """Return the headers that the guest may see, under the names of the head."""
    shown = {name: response.headers[name] for name in SHOWN if name in response.headers}
    if "link" in shown and base_url:
        shown["link"] = shown["link"].replace(f"<{base_url}/", "</")
    seconds = read_retry_after(response)
    if seconds is not None:
        shown["retry-after"] = str(math.ceil(seconds))
    headers: dict[str, str] = {}
    for header, key in SHOWN.items():
        value = shown.get(header)
        # Half a link is of no use, and without one a list in pages seems to end.
        max_chars = LINK_CHARS if key == "link" else TEXT_CHARS
        if value and len(value) <= max_chars:
            headers.setdefault(key, value)
    return headers


def classify(body: bytes, content_type: str) -> tuple[BodyKind, str]:
    """Choose the kind of a body and write it as text."""
    if not body:
        return "empty", ""
    media_type, _, parameters = content_type.lower().partition(";")
    media_type = media_type.strip()
    text = None
    if is_text(media_type):
        text = decode_text(body, parameters)
    elif not media_type and b"\0" not in body[:1024]:
        text = decode_text(body, "")
    if text is None:
        return "bytes", base64.b64encode(body).decode()
    if is_json(media_type) or (not media_type and text.lstrip()[:1] in ("{", "[")):
        return "json", text.removeprefix("\ufeff")
    return "text", text


def decode_text(body: bytes, parameters: str) -> str | None:
    """Decode a body that should be text; None when it is not."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        _, _, charset = parameters.partition("charset=")
        codec = CHARSETS.get(charset.partition(";")[0].strip(" \"'"))
        return body.decode(codec, errors="replace") if codec else None
