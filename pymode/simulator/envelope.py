"""The form of every answer: the envelope, pages, and refusals with Cloudflare's error codes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

Json = dict[str, Any]

# Cloudflare's largest upload is a KV value of 25 MiB; multipart framing needs a little more.
MAX_BODY_BYTES = 26 * 1024 * 1024

IDENTIFIER = re.compile(r"[0-9a-f]{32}")


class Refusal(Exception):
    """A request is answered with `success` false; the app turns this exception into the answer.

    Args:
        status: HTTP status, 400 and up.
        errors: `(code, message)` pairs, or whole error objects.
        headers: further response headers.
    """

    def __init__(
        self, status: int, *errors: tuple[int, str] | Json, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, errors)
        self.status = status
        self.headers = headers
        self.errors = [
            error if isinstance(error, dict) else {"code": error[0], "message": error[1]}
            for error in errors
        ]


def write_json(value: object) -> bytes:
    """Return `value` as compact JSON in UTF-8."""
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        # A caller may send half a surrogate pair as an escape; UTF-8 cannot encode it.
        return json.dumps(value, separators=(",", ":")).encode()


def respond(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON response of exactly `content`."""
    return Response(write_json(content), status, headers, "application/json")


def answer(
    result: object, *, info: Json | None = None, messages: Sequence[Json] = (), status: int = 200
) -> Response:
    """Return a successful envelope around `result`.

    Args:
        result: any JSON value.
        info: `result_info`; None leaves it out.
        messages: objects with `code` and `message`.
        status: HTTP status.
    """
    envelope: Json = {"result": result, "success": True, "errors": [], "messages": list(messages)}
    if info is not None:
        envelope["result_info"] = info
    return respond(envelope, status)


def refuse(refusal: Refusal) -> Response:
    """Return the envelope of a refusal."""
    envelope = {"result": None, "success": False, "errors": refusal.errors, "messages": []}
    return respond(envelope, refusal.status, refusal.headers)


def unroutable(path: str) -> Refusal:
    """Return the refusal of an unknown path or a malformed identifier."""
    return Refusal(
        404,
        (7003, f"Could not route to {path}, perhaps your object identifier is invalid?"),
        (7000, "No route for that URI"),
    )


@dataclass(frozen=True)
class PageSizes:
    """Page sizes of one listing; a size outside the bounds becomes the nearest one inside."""

    default: int
    minimum: int
    maximum: int


def read_int(request: Request, name: str, default: int) -> int:
    """Return an integer of the query.

    Raises:
        Refusal: it is not an integer of at most nine digits.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise Refusal(400, (6008, f"Invalid value for query parameter '{name}': not a number"))
    return int(text)


def answer_page(request: Request, items: Sequence[Json], sizes: PageSizes) -> Response:
    """Return the page of `items` that the query's `page` and `per_page` ask for.

    Raises:
        Refusal: one of the two is not a number, or is below 1.
    """
    page = read_int(request, "page", 1)
    per_page = read_int(request, "per_page", sizes.default)
    for name, value in (("page", page), ("per_page", per_page)):
        if value < 1:
            raise Refusal(400, (6008, f"Invalid value for query parameter '{name}': less than 1"))
    per_page = max(sizes.minimum, min(per_page, sizes.maximum))
    chosen = items[(page - 1) * per_page : page * per_page]
    info = {
        "page": page,
        "per_page": per_page,
        "count": len(chosen),
        "total_count": len(items),
        "total_pages": -(-len(items) // per_page),
    }
    return answer(chosen, info=info)


async def read_body(request: Request) -> bytes:
    """Return the request's body.

    Raises:
        Refusal: it is longer than MAX_BODY_BYTES.
    """
    chunks: list[bytes] = []
    size_bytes = 0
    async for chunk in request.stream():
        size_bytes += len(chunk)
        if size_bytes > MAX_BODY_BYTES:
            raise Refusal(413, (10027, f"request body is larger than {MAX_BODY_BYTES} bytes"))
        chunks.append(chunk)
    return b"".join(chunks)


async def read_json(request: Request) -> Any:
    """Return the request's JSON body.

    Raises:
        Refusal: it is not JSON, or another content type was declared.
    """
    body = await read_body(request)
    content_type = request.headers.get("content-type", "application/json")
    if "json" not in content_type:
        raise Refusal(
            400, (9207, "Failed to parse request body, content-type must be application/json")
        )
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, (6007, "Malformed JSON in request body")) from None


async def read_object(request: Request) -> Json:
    """Return the request's body, which must be a JSON object.

    Raises:
        Refusal: it is not.
    """
    value = await read_json(request)
    if not isinstance(value, dict):
        raise Refusal(400, (9207, "Request body is invalid: expected a JSON object."))
    return value


async def read_parts(request: Request, body: bytes) -> list[tuple[tuple[str, ...], bytes]]:
    """Return the parts of a multipart body: field name, file name if there is one, and bytes.

    Args:
        request: its content type has the boundary.
        body: what `read_body` returned.
    """

    async def replay() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    parts: list[tuple[tuple[str, ...], bytes]] = []
    async with Request(request.scope, replay).form(max_part_size=MAX_BODY_BYTES) as form:
        for name, part in form.multi_items():
            if isinstance(part, UploadFile):
                parts.append(((name, part.filename or name), await part.read()))
            else:
                parts.append(((name,), part.encode("utf-8", "surrogatepass")))
    return parts
