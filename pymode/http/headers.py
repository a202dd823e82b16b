"""Request headers: which ones the code may set, and what a header may hold."""

from __future__ import annotations

import re

from pymode.errors import RequestRefused

MAX_HEADERS = 64
MAX_VALUE_CHARS = 8192

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
# ASCII only: everything else is read differently by different servers.
VALUE = re.compile(r"[\t\x20-\x7e]*")

# Who asks, where to, how the message is framed, and what a proxy may believe.
FORBIDDEN = frozenset(
    [
        "accept-encoding",
        "api-key",
        "authentication",
        "authorization",
        "base-url",
        "cf-connecting-ip",
        "client-ip",
        "connection",
        "content-length",
        "content-transfer-encoding",
        "cookie",
        "cookie2",
        "expect",
        "forwarded",
        "host",
        "http2-settings",
        "job-token",
        "keep-alive",
        "private-token",
        "request-uri",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "true-client-ip",
        "upgrade",
        "via",
        "x-access-token",
        "x-api-key",
        "x-api-token",
        "x-client-ip",
        "x-host",
        "x-http-destinationurl",
        "x-http-verb",
        "x-proxy-url",
        "x-real-ip",
        "x-request-uri",
        "x-uri",
        "x-url",
        "x-verb",
    ]
)
FORBIDDEN_STARTS = (
    "proxy-",
    "sec-",
    "x-auth-",
    "x-envoy-",
    "x-forwarded",
    "x-original-",
    "x-rewrite-",
)
# Each server has its own spelling of X-HTTP-Method-Override. The rules judge the method and the
# path that are sent, so nothing may stand for another one.
FORBIDDEN_WORDS = ("method", "override")


def check_headers(headers: object) -> dict[str, str]:
    """Return headers that may be sent, names in lower case.

    Args:
        headers: what the guest gave: an object of strings, or None.

    Raises:
        RequestRefused: a header is not the code's to set, or cannot be sent.
    """
    if headers is None:
        return {}
    if not isinstance(headers, dict) or len(headers) > MAX_HEADERS:
        raise RequestRefused(f"headers must be a dict of at most {MAX_HEADERS} strings")
    checked = {}
    for name, value in headers.items():
        if not isinstance(name, str) or not HEADER_NAME.fullmatch(name):
            raise RequestRefused(f"{str(name)[:60]!r} is not the name of a header")
        lower = name.lower()
        # Some servers read "_" as "-".
        plain = lower.replace("_", "-")
        if (
            plain in FORBIDDEN
            or plain.startswith(FORBIDDEN_STARTS)
            or any(word in plain for word in FORBIDDEN_WORDS)
        ):
            msg = f"the header {name} is set by the host or not at all; leave it out"
            raise RequestRefused(msg)
        checked[lower] = check_value(f"the header {name}", value)
    return checked


def check_value(what: str, value: object) -> str:
    """Return the value of a header.

    Args:
        what: named in the error, such as "content_type".
        value: what the guest gave.

    Raises:
        RequestRefused: it is not one line of printable ASCII.
    """
    if not isinstance(value, str) or len(value) > MAX_VALUE_CHARS or not VALUE.fullmatch(value):
        msg = f"{what} must be one line of printable ASCII, at most {MAX_VALUE_CHARS} characters"
        raise RequestRefused(msg)
    return value.strip()
