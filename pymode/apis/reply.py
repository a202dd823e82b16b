"""Write what the guest reads: one line of JSON, a line feed, and the body.

    {"status":200,"kind":"json","content_type":"application/json","ray_id":"8a…"}\\n{"success":true}
    {"error":{"kind":"refused","message":"…"}}\\n

`kind` is "json" or "text" (the body as it is), "bytes" (in base64) or "empty". JSON is not parsed
here: that happens in the guest, under its limits.
"""

from __future__ import annotations

import base64
import json
import math

from pymode.apis.retries import read_retry_after
from pymode.http.client import Response

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
TEXT_TYPES = frozenset(
    "application/" + name
    for name in (
        "ecmascript",
        "graphql",
        "javascript",
        "javascript+module",
        "jsonl",
        "ndjson",
        "node+module",
        "sql",
        "toml",
        "x-javascript",
        "x-ndjson",
        "x-sh",
        "x-www-form-urlencoded",
        "x-yaml",
        "xml",
        "yaml",
    )
)
CHARSETS = {"iso-8859-1": "cp1252", "latin-1": "cp1252", "latin1": "cp1252"}


def write_error(kind: str, message: str, status: int | None = None) -> str:
    """Write a reply for a request that got no answer.

    Args:
        kind: see `HttpError`, or "refused".
        message: what happened.
        status: of an answer that broke off, or that was too large.
    """
    head: dict[str, object] = {"error": {"kind": kind, "message": message[: 4 * TEXT_CHARS]}}
    if status is not None:
        head["status"] = status
    return json.dumps(head) + "\n"


def write_response(response: Response, note: str = "", base_url: str = "") -> str:
    """Write a reply for an answer from which the token was already taken out.

    Args:
        response: status, headers and body.
        note: a sentence for who reads the error, if the status is one.
        base_url: of the API; links that lie below it are written as paths that can be requested.
    """
    content_type = response.headers.get("content-type", "")[:TEXT_CHARS]
    head: dict[str, object] = {"status": response.status}
    head["kind"], body = classify(response.body, content_type)
    head["content_type"] = content_type
    shown = {name: response.headers[name] for name in SHOWN if name in response.headers}
    if "link" in shown and base_url:
        shown["link"] = shown["link"].replace(f"<{base_url}/", "</")
    seconds = read_retry_after(response)
    if seconds is not None:
        shown["retry-after"] = str(math.ceil(seconds))
    for header, key in SHOWN.items():
        value = shown.get(header)
        # Half a link is of no use, and without one a list in pages seems to end.
        most = LINK_CHARS if key == "link" else TEXT_CHARS
        if value and len(value) <= most:
            head.setdefault(key, value)
    if note:
        head["note"] = note
    return json.dumps(head) + "\n" + body


def classify(body: bytes, content_type: str) -> tuple[str, str]:
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


def is_json(media_type: str) -> bool:
    """Say whether a media type is JSON."""
    return media_type in ("application/json", "text/json") or media_type.endswith("+json")


def is_text(media_type: str) -> bool:
    """Say whether a media type is text."""
    return (
        media_type.startswith(("text/", "multipart/"))
        or media_type in TEXT_TYPES
        or is_json(media_type)
        or media_type.endswith(("+xml", "+yaml"))
    )


def decode_text(body: bytes, parameters: str) -> str | None:
    """Decode a body that should be text; None when it is not."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        _, _, charset = parameters.partition("charset=")
        codec = CHARSETS.get(charset.partition(";")[0].strip(" \"'"))
        return body.decode(codec, errors="replace") if codec else None
