"""Digests that tell host calls and requests apart."""

from __future__ import annotations

import hashlib
import json

from pymode.policy.action import Request


def digest_call(target: str, payload: str) -> str:
    """Return the digest of a host call, by which a repeated run finds its reply."""
    # A hostile guest may send half a surrogate pair, which has no UTF-8.
    return digest(target.encode("utf-8", "replace"), payload.encode("utf-8", "replace"))


def digest_request(request: Request, base_url: str) -> str:
    """Return the digest of an exact request to one API: method, path, query, headers and bodies.

    Args:
        request: the request before the token is added.
        base_url: the base URL of the API.
    """
    head = [base_url, request.method, request.path, list(request.query)]
    parts = [json.dumps([*head, sorted(request.headers.items())]).encode()]
    parts.append(b"" if request.content is None else b"body" + request.content)
    for name, (filename, content, content_type) in request.files or ():
        parts += [json.dumps([name, filename, content_type]).encode(), content]
    return digest(*parts)


def digest(*parts: bytes) -> str:
    """Return the SHA-256 digest of several parts, in hexadecimal."""
    hashed = hashlib.sha256()
    # The lengths keep ("ab", "c") and ("a", "bc") apart.
    for part in parts:
        hashed.update(len(part).to_bytes(8))
        hashed.update(part)
    return hashed.hexdigest()
