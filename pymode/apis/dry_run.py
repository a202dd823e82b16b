"""An example answer for a request that a dry run does not send.

It has the shape of the answer in the document and the values of the request, so that code which
creates something and goes on with its id works in a dry run, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from pymode.documents.hints import properties
from pymode.documents.operation import Operation
from pymode.documents.operations import Operations
from pymode.documents.routes import bind, split
from pymode.documents.samples import Sampler
from pymode.documents.schemas import flatten
from pymode.http.client import Response
from pymode.policy.action import RequestAction

MARK: Final = "dry_run"
HEADER: Final = "x-dry-run"


def make(action: RequestAction, operations: Operations) -> Response:
    """Build an example of the answer to a request that succeeds.

    Args:
        action: the request, with its operation if the document has one.
        operations: the operations of the document.

    Returns:
        JSON with `"dry_run": true` at its top, or in each item if it is a list; or no body if the
        document has none. The header `x-dry-run` marks every such answer.
    """
    operation, method, path, body = action.operation, action.method, action.path, action.body
    status, schema = _success(operation)
    headers = {HEADER: "true"}
    if status in (204, 205):
        return Response(status, headers, b"")
    given = _known_values(operation, path, body)
    builder = Sampler(operations.follow, _seed(method, path, body), creates=method == "POST")
    value = builder.build(schema, given) if schema else builder.free(given)
    if _has_envelope(operations):
        if not schema:
            value = {"result": value}
        # Some answers of the document leave out what its API always sends.
        if isinstance(value, dict) and "result" in value:
            value = {"success": True, "errors": [], "messages": []} | value
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            item[MARK] = True
    headers["content-type"] = "application/json"
    return Response(status, headers, json.dumps(value).encode())


def _seed(method: str, path: str, body: object) -> str:
    # The ids in the example are made from this text: equal requests get equal ids.
    try:
        return f"{method} {path} {json.dumps(body, sort_keys=True, default=str)}"
    except (RecursionError, ValueError):
        return f"{method} {path}"


def _success(operation: Operation | None) -> tuple[int, Mapping[str, Any]]:
    """Return the status that the document names for success, and the schema of its answer."""
    responses = operation.responses if operation else {}
    for status in sorted(responses):
        if re.fullmatch(r"2\d\d", status):
            return int(status), responses[status]
    return 200, responses.get("2XX") or responses.get("DEFAULT") or {}


def _known_values(operation: Operation | None, path: str, body: object) -> dict[str, Any]:
    """Return the values that a request gives for its answer: those of its body and its path."""
    values = bind(operation.path, path) if operation else {}
    given: dict[str, Any] = {}
    for name, value in values.items():
        owner, _, kind = name.rpartition("_")
        given[name] = value
        if owner and kind in ("id", "identifier"):
            # For {zone_id} the answer may have "zone_id": … or {"zone": {"id": …}}.
            given |= {f"{owner}_id": value, f"{owner}_identifier": value}
            given.setdefault(owner, {"id": value})
    last = split(operation.path)[-1:] if operation else []
    if values and last and last[0].endswith("}"):
        name, value = list(values.items())[-1]
        kind = name.rpartition("_")[2]
        # The last parameter of the path names what the request is for. Its value serves as the id,
        # except for a number, such as an issue's, which usually is not the id.
        given |= {kind: value} if kind == "number" else {kind: value, "id": value}
    return given | body if isinstance(body, dict) else given


def _has_envelope(operations: Operations) -> bool:
    """Say whether the API wraps its results as Cloudflare does, judged by its first answers."""
    seen = 0
    for operation, _ in zip(operations, range(20), strict=False):
        _, schema = _success(operation)
        if schema:
            names = {name for name, _ in properties(flatten(operations.follow, schema))}
            seen += 1 if {"success", "result"} <= names else -1
    return seen > 0
