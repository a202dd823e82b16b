"""Bring the arguments of a request into the form that the host reads."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import decimal
import enum
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath
from urllib.parse import parse_qsl, urlencode

from guest import protocol

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"


def write(method: str, path: str, options: Mapping[str, object]) -> str:
    """Write the payload of a request.

    Args:
        method: in upper case.
        path: as given.
        options: query, body, headers, content_type, raw_body and files; None where absent.

    Raises:
        TypeError: a value has a type that cannot be sent.
        ValueError: a value cannot be sent, such as NaN.
    """
    head: dict[str, object] = {"method": method, "path": path}
    pairs = write_query(options["query"])
    if pairs:
        head["query"] = pairs
    headers = write_headers(options["headers"])
    content_type = options["content_type"]
    if content_type is None:
        name = next((name for name in headers if name.lower() == "content-type"), None)
        content_type = headers.pop(name) if name else None
    if not (content_type is None or isinstance(content_type, str)):
        raise TypeError(f"content_type must be a string, not {kind(content_type)}")
    if headers:
        head["headers"] = headers
    text = ""
    if options["files"]:
        parts = [*write_fields(options["body"]), *write_files(options["files"])]
        head["files"] = [part for part, _ in parts]
        text = "".join(content for _, content in parts)
    elif options["body"] is not None:
        content, content_type = write_body(
            options["body"], content_type, raw=bool(options["raw_body"])
        )
        head["body"], text = encode(content)
    if content_type is not None:
        head["content_type"] = content_type
    return protocol.write_request(head, text)


def write_body(body: object, content_type: str | None, *, raw: bool) -> tuple[str | bytes, str]:
    """Write a body and choose its content type.

    Bytes go as they are. So does text, except where JSON was asked for and the text is none.
    Everything else is written as JSON, or as a form if the content type says so.
    """
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body), content_type or "application/octet-stream"
    if isinstance(body, str):
        if raw or (media_type and not is_json(media_type)):
            return body, content_type or "text/plain; charset=utf-8"
        if holds_json(body, scalars=bool(media_type)):
            return body, content_type or JSON_TYPE
        if media_type:
            return write_json(body, "body"), content_type or JSON_TYPE
        return body, "text/plain; charset=utf-8"
    if media_type == FORM_TYPE and isinstance(body, Mapping):
        return urlencode(flatten(body.items(), "form field")), FORM_TYPE
    return write_json(body, "body"), content_type or JSON_TYPE


def is_json(media_type: str) -> bool:
    """Say whether a media type is JSON."""
    return media_type == JSON_TYPE or media_type.endswith("+json")


def holds_json(text: str, *, scalars: bool) -> bool:
    """Say whether text is JSON already; `scalars` counts numbers and strings too."""
    if not scalars and text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def write_json(value: object, what: str) -> str:
    """Write a value as compact JSON.

    Raises:
        TypeError: it holds something that JSON has no form for.
        ValueError: it holds NaN, Infinity or itself.
    """
    try:
        return json.dumps(
            value, default=simplify, allow_nan=False, ensure_ascii=False, separators=(",", ":")
        )
    except ValueError as error:
        reason = "holds itself" if "Circular" in str(error) else "holds NaN or Infinity"
        raise ValueError(f"{what} cannot be sent as JSON: it {reason}") from None
    except RecursionError:
        raise ValueError(f"{what} cannot be sent as JSON: it is nested too deep") from None


def simplify(value: object) -> object:
    """Give the JSON form of a value that is no JSON."""
    simple = simplify_scalar(value)
    if simple is not value:
        return simple
    if isinstance(value, set | frozenset):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(f"{kind(value)} cannot be sent as JSON; convert it first")


def simplify_scalar(value: object) -> object:
    """Give dates, numbers and identifiers their usual form; anything else stays as it is."""
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, uuid.UUID | PurePath):
        return str(value)
    return value


def write_query(query: object) -> list[tuple[str, str]]:
    """Write the query as pairs: true and false, lists repeated, None left out."""
    if query is None:
        return []
    if isinstance(query, str):
        return parse_qsl(query.removeprefix("?"), keep_blank_values=True)
    if isinstance(query, Mapping):
        return flatten(query.items(), "query value")
    if isinstance(query, Iterable):
        pairs = list(query)
        if all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
            return flatten(((name, value) for name, value in pairs), "query value")
    raise TypeError(f"query must be a dict such as {{'per_page': 50}}, not {kind(query)}")


def flatten(items: Iterable[tuple[object, object]], what: str) -> list[tuple[str, str]]:
    """Write names and values as pairs of strings."""
    return [
        (str(name), write_scalar(item, f"{what} {str(name)!r}"))
        for name, value in items
        for item in (value if isinstance(value, list | tuple | set | frozenset) else (value,))
        if item is not None
    ]


def write_scalar(value: object, what: str) -> str:
    """Write one value of a query or a form.

    Raises:
        TypeError: it is no single value.
        ValueError: it is NaN or Infinity.
    """
    value = simplify_scalar(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise ValueError(f"{what} is {value}, which cannot be sent")
    if isinstance(value, str | int | float):
        return str(value)
    raise TypeError(f"{what} must be text, a number, true or false, not {kind(value)}")


def write_headers(headers: object) -> dict[str, str]:
    """Write headers as a dict of strings, without those that are None."""
    if headers is None:
        return {}
    if not isinstance(headers, Mapping):
        raise TypeError(f"headers must be a dict of strings, not {kind(headers)}")
    return dict(flatten(headers.items(), "header"))


def write_fields(body: object) -> list[tuple[dict[str, object], str]]:
    """Write the body beside files as form fields; a dict or a list in it becomes JSON."""
    if body is None:
        return []
    if not isinstance(body, Mapping):
        raise TypeError(f"with files, body must be a dict of form fields, not {kind(body)}")
    parts = []
    for name, value in body.items():
        nested = isinstance(value, Mapping) or dataclasses.is_dataclass(value)
        if isinstance(value, list | tuple):
            nested = any(isinstance(item, Mapping | list | tuple) for item in value)
        if nested:
            text = write_json(value, f"form field {str(name)!r}")
            parts.append(write_part(str(name), None, text, JSON_TYPE))
        elif isinstance(value, bytes | bytearray):
            parts.append(write_part(str(name), None, bytes(value), None))
        else:
            for _, text in flatten([(name, value)], "form field"):
                parts.append(write_part(str(name), None, text, None))
    return parts


def write_files(files: object) -> list[tuple[dict[str, object], str]]:
    """Write files in httpx's form: a dict, or a list of (name, file) pairs.

    A file is its content, or (filename, content), or (filename, content, content_type).
    """
    form = "files must be like {'file': ('name.txt', content, 'text/plain')}"
    items = list(files.items() if isinstance(files, Mapping) else check_iterable(files, form))
    parts = []
    for item in items:
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise TypeError(form)
        name, file = item
        if not isinstance(file, tuple | list):
            file = ("upload", file)
        if len(file) not in (2, 3) or not isinstance(file[0], str | None):
            raise TypeError(form)
        content_type = file[2] if len(file) == 3 else None
        if not isinstance(content_type, str | None):
            raise TypeError(form)
        content, implied = read_content(file[1], f"file {str(name)!r}")
        parts.append(write_part(str(name), file[0], content, content_type or implied))
    return parts


def check_iterable(value: object, form: str) -> Iterable[object]:
    """Return a value that can be walked through."""
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise TypeError(form)
    return value


def read_content(content: object, what: str) -> tuple[str | bytes, str | None]:
    """Read the content of a file, and the content type that it implies."""
    reader: Callable[[], object] | None = getattr(content, "read", None)
    if reader is not None:
        content = reader()
    if isinstance(content, str):
        return content, None
    if isinstance(content, bytes | bytearray | memoryview):
        return bytes(content), None
    if isinstance(content, Mapping | list):
        return write_json(content, what), JSON_TYPE
    raise TypeError(f"{what} must hold text or bytes, not {kind(content)}")


def write_part(
    name: str, filename: str | None, content: str | bytes, content_type: str | None
) -> tuple[dict[str, object], str]:
    """Write one part: what its line of JSON says, and its text."""
    encoding, text = encode(content)
    part: dict[str, object] = {"name": name, "encoding": encoding, "chars": len(text)}
    if filename is not None:
        part["filename"] = filename
    if content_type is not None:
        part["content_type"] = content_type
    return part, text


def encode(content: str | bytes) -> tuple[str, str]:
    """Write a body as text and say how.

    Raises:
        ValueError: the text cannot be written as UTF-8.
    """
    if isinstance(content, bytes):
        return "base64", base64.b64encode(content).decode()
    if not content.isascii():
        try:
            content.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"the body is not valid text: {error.reason}") from None
    return "text", content


def kind(value: object) -> str:
    """Name the type of a value, for messages."""
    return type(value).__name__
