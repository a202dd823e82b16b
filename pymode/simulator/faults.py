"""Hostile and broken answers, and the record of requests, under /client/v4/simulator/.

These routes need no token; latency and rate limit do not apply to them.
"""

from __future__ import annotations

import asyncio
import functools
import re
import zlib
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from pymode.simulator.envelope import (
    Refusal,
    answer,
    read_body,
    read_int,
    read_object,
    refuse,
)
from pymode.simulator.routes import Routes
from pymode.simulator.state import state_of

CHUNK_BYTES = 64 * 1024
MEBIBYTE = 1024 * 1024
BOMB_MEBIBYTES = 200
DRIP_SECONDS = 0.1
MAX_SLEEP_SECONDS = 60
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256))
ANY = "GET POST PUT PATCH DELETE"
ROUTES = Routes("/simulator")


@ROUTES(ANY, "/echo/{rest:path}")
@ROUTES(ANY, "/echo")
async def _echo(request: Request) -> Response:
    """Answer with the request, including its Authorization header, to test redaction."""
    body = await read_body(request)
    return answer(
        {
            "method": request.method,
            "path": request.scope["raw_path"].decode("latin-1"),
            "query": [list(pair) for pair in request.query_params.multi_items()],
            "headers": dict(request.headers.items()),
            "body": body.decode("utf-8", "replace"),
            "body_bytes": len(body),
        }
    )


@ROUTES(ANY, "/status/{code}")
async def _give_status(request: Request) -> Response:
    """Answer with the status in the path."""
    code = request.path_params["code"]
    if not re.fullmatch(r"[2-5][0-9][0-9]", code):
        raise Refusal(400, (6008, "a status is from 200 to 599"))
    status = int(code)
    if status in (204, 304):
        return Response(status_code=status)
    if status < 400:
        return answer({"status": status}, status=status)
    headers = {"Retry-After": "1"} if status in (429, 503) else None
    return refuse(Refusal(status, (status, f"Simulated error {status}"), headers=headers))


@ROUTES(ANY, "/redirect")
async def _redirect(request: Request) -> Response:
    """Answer 302 to the query's `to`."""
    return RedirectResponse(request.query_params.get("to", "/client/v4/user"), status_code=302)


@functools.cache
def gzip_bomb(mebibytes: int) -> bytes:
    """Return a gzip body of about 1 KB for each MiB of zeros that it decodes to."""
    zeros = bytes(MEBIBYTE)
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    # A full flush resets the history, so one compressed MiB can be repeated for all of them.
    block = compressor.compress(zeros) + compressor.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(mebibytes):
        checksum = zlib.crc32(zeros, checksum)
    size = (mebibytes * MEBIBYTE) & 0xFFFFFFFF
    header = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    trailer = checksum.to_bytes(4, "little") + size.to_bytes(4, "little")
    return header + block * mebibytes + b"\x03\x00" + trailer


@ROUTES("GET", "/gzip-bomb")
async def _send_gzip_bomb(request: Request) -> Response:
    """Answer 200 KB that decode to 200 MiB, whatever encodings the client accepts."""
    mebibytes = max(1, min(read_int(request, "mebibytes", BOMB_MEBIBYTES), 1024))
    headers = {"content-encoding": "gzip"}
    return Response(gzip_bomb(mebibytes), 200, headers, "application/json")


@ROUTES("GET", "/large")
async def _send_large(request: Request) -> Response:
    """Answer an envelope with a text of `bytes` characters, without a Content-Length."""
    size_bytes = max(0, min(read_int(request, "bytes", MEBIBYTE), 1024 * MEBIBYTE))

    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"success":true,"errors":[],"messages":[],"result":"'
        full, rest = divmod(size_bytes, CHUNK_BYTES)
        chunk = b"x" * CHUNK_BYTES
        for _ in range(full):
            yield chunk
        yield b"x" * rest + b'"}'

    return StreamingResponse(chunks(), media_type="application/json")


@ROUTES(ANY, "/slow")
async def _answer_slowly(request: Request) -> Response:
    """Answer after `seconds`."""
    try:
        seconds = float(request.query_params.get("seconds", "1"))
    except ValueError:
        raise Refusal(400, (6008, "'seconds' is not a number")) from None
    # `min` last, so that NaN becomes the maximum.
    await asyncio.sleep(min(MAX_SLEEP_SECONDS, max(0.0, seconds)))
    return answer({"seconds": seconds})


@ROUTES("GET", "/drip")
async def _drip(request: Request) -> Response:
    """Answer one byte every 100 ms, `bytes` of them."""
    size_bytes = read_int(request, "bytes", 600)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(size_bytes):
            yield b" "
            await asyncio.sleep(DRIP_SECONDS)

    return StreamingResponse(chunks(), media_type="application/json")


@ROUTES("GET", "/binary")
async def _send_binary(request: Request) -> Response:
    """Answer bytes that are not text."""
    return Response(PNG, media_type="image/png")


@ROUTES("GET", "/text")
async def _send_text(request: Request) -> Response:
    """Answer plain text."""
    return PlainTextResponse("plain text, not JSON: ä €\n")


@ROUTES("GET", "/truncated-json")
async def _send_truncated_json(request: Request) -> Response:
    """Answer an envelope that breaks off in the middle."""
    return Response(b'{"success":true,"result":[{"id":"1"},{"i', media_type="application/json")


@ROUTES("GET", "/deep-json")
async def _send_deep_json(request: Request) -> Response:
    """Answer `depth` nested lists."""
    depth = max(0, min(read_int(request, "depth", 100_000), 1_000_000))
    head = b'{"success":true,"errors":[],"messages":[],"result":'
    return Response(head + b"[" * depth + b"]" * depth + b"}", media_type="application/json")


@ROUTES("GET", "/invalid-utf8")
async def _send_invalid_utf8(request: Request) -> Response:
    """Answer an envelope with bytes that are not UTF-8."""
    body = b'{"success":true,"errors":[],"messages":[],"result":"\xff\xfe\xc3"}'
    return Response(body, media_type="application/json")


@ROUTES(ANY, "/no-content")
async def _send_no_content(request: Request) -> Response:
    """Answer 204."""
    return Response(status_code=204)


class Reset:
    """An ASGI application that announces 1,000 bytes, sends a few and closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the beginning of an answer."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"success":', "more_body": True})
        # uvicorn closes the connection when an application returns before the end of its answer.


# Not a handler, because no Response of Starlette breaks off like this.
ROUTES.append(Route("/simulator/reset", Reset()))


@ROUTES("GET", "/requests")
async def _list_requests(request: Request) -> Response:
    """Answer with the recorded requests, oldest first, without headers or bodies."""
    return answer(list(state_of(request).traffic.requests))


@ROUTES("DELETE", "/requests")
async def _clear_requests(request: Request) -> Response:
    """Clear the recorded requests and the maximum in flight."""
    state_of(request).traffic.clear()
    return answer([])


@ROUTES("GET", "/in-flight")
async def _get_in_flight(request: Request) -> Response:
    """Answer how many requests are in flight now, and how many were at most."""
    traffic = state_of(request).traffic
    return answer({"current": traffic.in_flight, "maximum": traffic.max_in_flight})


@ROUTES("PUT", "/rate-limit")
async def _set_rate_limit(request: Request) -> Response:
    """Set the rate limit, as `{"requests": 5, "refusals": 1}`, and reset its count."""
    body = await read_object(request)
    requests, refusals = body.get("requests", 0), body.get("refusals", 1)
    if not isinstance(requests, int) or not isinstance(refusals, int):
        raise Refusal(400, (6008, "'requests' and 'refusals' are numbers"))
    limit = state_of(request).rate_limit
    limit.requests, limit.refusals, limit.seen = requests, refusals, 0
    return answer({"requests": requests, "refusals": refusals})
