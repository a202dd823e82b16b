"""Reads a request that the guest wrote, which is hostile.

A payload is one line of JSON and a line feed, and then the bodies one after the other:

    {"method":"PUT","path":"/x","query":[["a","b"]],"headers":{},"content_type":"text/plain",
     "body":"text"}\\nthe body
    {"method":"POST","path":"/x","files":[{"name":"f","filename":"f.txt",
     "content_type":"text/plain","encoding":"base64","chars":8}]}\\naGVsbG8=

Bodies stay outside the JSON, and the JSON is short, because 16 MiB of JSON can become 400 MB of
objects.
"""

from __future__ import annotations

import base64
import binascii
import json

from pymode.errors import RequestRefused
from pymode.http.client import Part
from pymode.http.headers import check_headers, check_value
from pymode.policy.action import Request

MAX_HEAD_CHARS = 256 * 1024
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
KEYS = frozenset({"method", "path", "query", "headers", "content_type", "body", "files"})


def read(payload: str, request_bytes: int) -> Request:
    """Read one payload.

    Args:
        payload: one line of JSON and the bodies, see above.
        request_bytes: the most bytes of UTF-8 that the payload may have.

    Raises:
        RequestRefused: the payload is too large or not well formed.
    """
    # Characters are counted first, because it would take memory to encode a text that is too long.
    if len(payload) > request_bytes:
        raise too_large(request_bytes)
    line, _, rest = payload.partition("\n")
    head = read_head(line)
    method = head.get("method")
    if not isinstance(method, str) or method.upper() not in METHODS:
        raise RequestRefused(f"method must be one of {', '.join(sorted(METHODS))}")
    path = head.get("path")
    if not isinstance(path, str):
        raise RequestRefused("path must be a string such as '/zones'")
    headers = check_headers(head.get("headers"))
    content_type = head.get("content_type")
    if content_type is not None:
        headers["content-type"] = check_value("content_type", content_type)
    content, files = read_bodies(head, rest, headers)
    size_bytes = len(line) + len(content or b"") + sum(len(part[1][1]) for part in files or ())
    if size_bytes > request_bytes:
        raise too_large(request_bytes)
    return Request(method.upper(), path, read_query(head.get("query")), headers, content, files)


def read_head(line: str) -> dict[str, object]:
    """Read the line of JSON at the start of a payload."""
    if len(line) > MAX_HEAD_CHARS:
        msg = (
            f"path, query and headers have over {MAX_HEAD_CHARS} characters; move data into the "
            "body"
        )
        raise RequestRefused(msg)
    try:
        head = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RequestRefused("the request is not valid JSON") from error
    if not isinstance(head, dict):
        raise RequestRefused("the request is not a JSON object")
    unknown = head.keys() - KEYS
    if unknown:
        raise RequestRefused(f"a request has no {min(unknown)[:60]!r}")
    return head


def read_query(query: object) -> list[tuple[str, str]]:
    """Read the query as pairs of names and values."""
    if query is None:
        return []
    if not isinstance(query, list) or not all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)
        for pair in query
    ):
        raise RequestRefused("the query must be a list of pairs of strings")
    return [(name, value) for name, value in query]


def read_bodies(
    head: dict[str, object], rest: str, headers: dict[str, str]
) -> tuple[bytes | None, list[Part] | None]:
    """Read the body or the files; files lose the content type, which the host sets itself."""
    encoding, files = head.get("body"), head.get("files")
    if files is None:
        if encoding is None:
            if rest:
                raise RequestRefused("the request has a body that its head does not name")
            return None, None
        return decode(rest, encoding), None
    if encoding is not None:
        raise RequestRefused("the request has both a body and files")
    if not isinstance(files, list) or not files:
        raise RequestRefused("files must be a list of at least one part")
    # The content type holds the boundary between the parts, which the host chooses.
    given = headers.pop("content-type", "multipart/form-data")
    if not given.lower().startswith("multipart/form-data"):
        raise RequestRefused("files are sent as multipart/form-data; leave content_type out")
    parts: list[Part] = []
    start = 0
    for file in files:
        part, start = read_part(file, rest, start)
        parts.append(part)
    if start != len(rest):
        raise RequestRefused("the request has more data than its files")
    return None, parts


def read_part(file: object, rest: str, start: int) -> tuple[Part, int]:
    """Read one file from `rest` and say where the next one starts."""
    if not isinstance(file, dict):
        raise RequestRefused("each of the files must be an object")
    name, filename = file.get("name"), file.get("filename")
    if not isinstance(name, str) or not (filename is None or isinstance(filename, str)):
        raise RequestRefused("the name and the filename of a file must be strings")
    content_type = file.get("content_type")
    if content_type is not None:
        content_type = check_value("the content type of a file", content_type)
    chars = file.get("chars")
    if not isinstance(chars, int) or not 0 <= chars <= len(rest) - start:
        raise RequestRefused("the length of a file does not fit the data")
    content = decode(rest[start : start + chars], file.get("encoding"))
    # JSON can hold half a surrogate pair, which has no UTF-8.
    try:
        (name + (filename or "")).encode()
    except UnicodeError as error:
        raise RequestRefused("the name of a file is not valid text") from error
    return (name, (filename, content, content_type)), start + chars


def decode(text: str, encoding: object) -> bytes:
    """Turn the text of a body into bytes."""
    try:
        if encoding == "text":
            return text.encode()
        if encoding == "base64":
            return base64.b64decode(text, validate=True)
    except (UnicodeError, binascii.Error, ValueError) as error:
        raise RequestRefused("the body is not valid text or base64") from error
    raise RequestRefused("the encoding of a body must be 'text' or 'base64'")


def too_large(request_bytes: int) -> RequestRefused:
    """Return the error for a request over `request_bytes`."""
    return RequestRefused(f"the request is larger than {request_bytes:,} bytes; send it in parts")
