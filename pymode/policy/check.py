"""What the document says about a request: before it is sent, or after the API refused it.

The author of the code reads these texts, and they cost tokens: they are short, exact and certain.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from pymode.documents.operation import Operation, Parameter
from pymode.documents.operations import Operations
from pymode.documents.routes import bind
from pymode.documents.schemas import flatten, is_scalar, shorten, types, write_values
from pymode.documents.violations import describe, find_violations
from pymode.http.headers import FORBIDDEN, FORBIDDEN_STARTS
from pymode.http.urls import TEMPLATE
from pymode.policy.action import RequestAction

TEXT_CHARS: Final = 600
MAX_PATH_CHARS: Final = 120
PERMISSIONS: Final = 8

REFUSED: Final = frozenset({400, 404, 405, 415, 422})
# What Python and JavaScript write where a value is missing.
MISSING: Final = frozenset({"None", "null", "undefined", "NaN", "[object Object]"})
# The host sets these; OpenAPI says that parameters of these names mean nothing.
_OWN_HEADERS: Final = frozenset({"accept", "content-type", "authorization"})
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")


def find_path_mistake(path: str) -> str | None:
    """Return why a path is certainly a mistake, or None if it may be meant.

    Args:
        path: the path as the code wrote it.
    """
    path = path.partition("?")[0]
    if unfilled := TEMPLATE.search(path):
        return (
            f"the path still has {unfilled[0][:60]} in it; put a value there,"
            ' for example f"/zones/{zone_id}"'
        )
    if not path.strip() or path.strip(" /") in MISSING:
        return f"{path[:60]!r} is not a path; pass one such as '/zones'"
    return None


def before(request: RequestAction, operations: Operations) -> list[str]:
    """Return how a request contradicts the document, one clause for each fault; [] for none."""
    operation = operations.match(request.method, request.path)
    if operation is None:
        return [_unknown(request, operations)]
    return [
        *_check_path(request, operation, operations),
        *_check_parameters(request, operation, operations),
        *_check_body(request, operation, operations),
    ]


def advice(request: RequestAction, status: int, operations: Operations) -> str:
    """Say what the document knows about a request that the API refused.

    Args:
        request: the request as it was sent.
        status: the HTTP status of the answer; 400, 401, 403, 404, 405, 415 and 422 get advice.
        operations: the operations of the document.

    Returns:
        At most `TEXT_CHARS` characters; "" when the document has nothing to add.
    """
    if status in (401, 403):
        operation = operations.match(request.method, request.path)
        return _permissions(operation) if operation else ""
    if status not in REFUSED:
        return ""
    clauses = before(request, operations)
    operation = operations.match(request.method, request.path)
    if operation and status != 404:
        clauses += _check_media_type(request, operation)
    elif operation and not clauses:
        clauses = _guess(request, operation, operations)
    return _join(clauses)


def _unknown(request: RequestAction, operations: Operations) -> str:
    method, path = request.method, request.path[:MAX_PATH_CHARS]
    at_path = operations.methods(request.path)
    nearest = operations.nearest(method, request.path, 12)
    if at_path:
        text = f"the document has no {method} at {path}, only {', '.join(at_path)}"
        nearest = [o for o in nearest if o.method == method][:2]
    else:
        text = f"the document has no {method} {path}"
        nearest = nearest[:3]
    if not nearest:
        return text if at_path else f"{text}, nor a path like it"
    return f"{text}; nearest: {', '.join(map(_name, nearest))}"


def _guess(request: RequestAction, operation: Operation, operations: Operations) -> list[str]:
    """Suggest a nearer operation, in case a misspelt segment was taken for a parameter."""
    nearest = operations.nearest(request.method, request.path, 1)
    if not nearest or nearest[0] is operation or nearest[0].method != request.method:
        return []
    return [f"this is {_name(operation)}; was {_name(nearest[0])} meant?"]


def _name(operation: Operation) -> str:
    summary = f" ({operation.summary[:60]})" if operation.summary else ""
    return f"{operation.method} {operation.path[:MAX_PATH_CHARS]}{summary}"


def _check_path(request: RequestAction, operation: Operation, operations: Operations) -> list[str]:
    values = bind(operation.path, request.path)
    clauses = []
    for name, value in values.items():
        if value in MISSING:
            clauses.append(f"{name} in the path is {value!r}: its value was missing")
        elif value == f"{{{name}}}":
            clauses.append(f"{name} in the path was not filled in")
    for parameter in operation.parameters:
        if parameter.place == "path" and parameter.name in values:
            clauses += _check_value(parameter, values[parameter.name], operations)
    return clauses


def _check_parameters(
    request: RequestAction, operation: Operation, operations: Operations
) -> list[str]:
    clauses = []
    sent: dict[str, list[str]] = {}
    # The code is hostile, so the check looks at a bounded number of pairs and values.
    for name, value in request.query_pairs[:100]:
        # tag[]=a and filter[name]=b are values of `tag` and `filter`.
        sent.setdefault(name.partition("[")[0], []).append(value)
        if "[" in name:
            sent.setdefault(name, []).append(value)
    for parameter in operation.parameters:
        if parameter.place == "header":
            if _is_own_header(parameter.name):
                continue
            given = request.request.headers.get(parameter.name.lower())
            values = [] if given is None else [given]
        elif parameter.place == "query":
            values = sent.get(parameter.name) or sent.get(parameter.name.partition("[")[0], [])
        else:
            continue
        if not values:
            if parameter.required and _is_plain(parameter, operations):
                clauses.append(f"{parameter.place} lacks {parameter.name} (required)")
            continue
        for value in values[:10]:
            clauses += _check_value(parameter, value, operations)
    return list(dict.fromkeys(clauses))


def _is_own_header(name: str) -> bool:
    lower = name.lower()
    return lower in _OWN_HEADERS or lower in FORBIDDEN or lower.startswith(FORBIDDEN_STARTS)


def _is_plain(parameter: Parameter, operations: Operations) -> bool:
    """Say whether a parameter is sent under its own name and has no default."""
    parts = flatten(operations.follow, parameter.schema)
    return not any(
        "default" in part or "properties" in part or "object" in types(part) for part in parts
    )


def _check_value(parameter: Parameter, value: str, operations: Operations) -> list[str]:
    parts = flatten(operations.follow, parameter.schema)
    listed = [part["items"] for part in parts if "items" in part]
    # An array may be sent as one value with commas, spaces or pipes: OpenAPI's styles form,
    # spaceDelimited and pipeDelimited.
    values = [one for one in re.split(r"[,|\s]", value)[:20] if one] if listed else [value]
    clauses = []
    for part in flatten(operations.follow, *listed) if listed else parts:
        allowed = types(part)
        enum = part.get("enum")
        if isinstance(enum, list) and enum and all(map(is_scalar, enum)):
            texts = write_values(enum, value)
            if value not in texts and not all(_is_among(one, texts) for one in values):
                clauses.append(f"{parameter.name} must be {shorten(texts)}")
        elif allowed and set(allowed) <= {"integer", "number"}:
            wrong = [one for one in values if one and not _NUMBER.fullmatch(one)]
            clauses += [f"{parameter.name} must be a number"] if wrong else []
    return clauses


def _is_among(value: str, texts: Sequence[str]) -> bool:
    # Python writes True and False, which servers take for true and false.
    return value in texts or (value in ("True", "False") and value.lower() in texts)


def _check_body(request: RequestAction, operation: Operation, operations: Operations) -> list[str]:
    if request.body is None:
        required = operation.body_required and not request.content_type
        return ["the request lacks a body (required)"] if required else []
    media = _media_type(request)
    schema = operation.bodies.get(media) or operation.bodies.get("*/*")
    if schema is None:
        return []
    return describe(find_violations(operations.follow, schema, request.body), "body")


def _check_media_type(request: RequestAction, operation: Operation) -> list[str]:
    media = _media_type(request)
    fitting = {media, media.partition("/")[0] + "/*", "*/*"}
    if not media or not operation.bodies or fitting & operation.bodies.keys():
        return []
    return [f"the document takes a body of {', '.join(list(operation.bodies)[:5])}, not {media}"]


def _media_type(request: RequestAction) -> str:
    return request.content_type.partition(";")[0].strip().lower()


def _permissions(operation: Operation) -> str:
    names = operation.permissions
    if not names:
        return ""
    shown = ", ".join(name[:60] for name in names[:PERMISSIONS])
    if len(names) > PERMISSIONS:
        shown += f" and {len(names) - PERMISSIONS} more"
    one = "one of these permissions" if len(names) > 1 else "the permission"
    what = f"{operation.method} {operation.path[:MAX_PATH_CHARS]}"
    return f"by the document {what} needs a token with {one}: {shown}"


def _join(clauses: list[str]) -> str:
    text = ""
    for clause in clauses:
        longer = f"{text}; {clause}" if text else clause
        if len(longer) > TEXT_CHARS:
            return f"{text}; …" if text else f"{clause[: TEXT_CHARS - 1]}…"
        text = longer
    return text
