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
MAX_LINK_CHARS = 20_000

# The headers that the guest sees, and their names in the head of the reply.
SHOWN = {
    "cf-ray": "ray_id",
    "x-request-id": "ray_id",
    "x-github-request-id": "ray_id",
    "location": "location",
    "link": "link",
    "retry-after": "retry_after",
    "x-dry-run": "dry_run",
}
# Web servers say ISO-8859-1 for Windows-1252, so browsers decode both as Windows-1252 (WHATWG
# Encoding Standard).
CHARSETS = {"iso-8859-1": "cp1252", "latin-1": "cp1252", "latin1": "cp1252"}


def write_error(kind: str, message: str, status: int | None = None) -> str:
    """Write the reply for a request without an answer.

    Args:
        kind: a kind of `HttpError`, "refused" or "rule".
        message: what happened.
        status: the HTTP status, if the answer broke off or was too large.
    """
    return Failure(FailureKind(kind), message[: 4 * TEXT_CHARS], status).write()


def write_response(response: Response, note: str = "", base_url: str = "") -> str:
    """Write the reply that holds an answer of the API.

    Args:
        response: the answer, from which the token was already taken out.
        note: a sentence for the reader of the error, if the status is one.
        base_url: the base URL of the API; links below it become paths that the code can request.
    """
    content_type = response.headers.get("content-type", "")[:TEXT_CHARS]
    kind, body = classify(response.body, content_type)
    headers = _show_headers(response, base_url)
    return APIResponse(response.status, kind, body, content_type, headers, note).write()


def _show_headers(response: Response, base_url: str) -> dict[str, str]:
    """Return the headers that the guest may see, under their names in the head of the reply."""
    shown = {name: response.headers[name] for name in SHOWN if name in response.headers}
    if "link" in shown and base_url:
        shown["link"] = shown["link"].replace(f"<{base_url}/", "</")
    seconds = read_retry_after(response)
    if seconds is not None:
        shown["retry-after"] = str(math.ceil(seconds))
    headers: dict[str, str] = {}
    for header, key in SHOWN.items():
        value = shown.get(header)
        # Half a link is of no use, and without its link a page seems to be the last one.
        max_chars = MAX_LINK_CHARS if key == "link" else TEXT_CHARS
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
    # A NUL byte is a sign of binary data.
    elif not media_type and b"\0" not in body[:1024]:
        text = decode_text(body, "")
    if text is None:
        return "bytes", base64.b64encode(body).decode()
    if is_json(media_type) or (not media_type and text.lstrip()[:1] in ("{", "[")):
        # `json.loads` in the guest refuses a byte order mark.
        return "json", text.removeprefix("\ufeff")
    return "text", text


def decode_text(body: bytes, parameters: str) -> str | None:
    """Decode a body that should be text.

    Args:
        body: the body of the answer.
        parameters: what follows the media type in the content type, such as "charset=latin-1".

    Returns:
        The text, or None if the body is not UTF-8 and has no other known charset.
    """
    try:
        return body.decode()
    except UnicodeDecodeError:
        _, _, charset = parameters.partition("charset=")
        codec = CHARSETS.get(charset.partition(";")[0].strip(" \"'"))
        return body.decode(codec, errors="replace") if codec else None
