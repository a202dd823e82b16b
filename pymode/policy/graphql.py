"""Tell GraphQL reads from writes: a POST whose document has no mutation only reads.

Whatever is not surely a read is a write: a document that does not parse or is too long, a query
kept by the server under an id, a second query in the URL, a field that no standard names. Servers
differ in which of two queries they run, so there may only be one.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Literal

from pymode.policy.action import RequestAction
from pymode.policy.patterns import fold, read_path

if TYPE_CHECKING:
    from pymode.documents.operation import Operation

Kind = Literal["read", "write"]

# The worst document of this length takes 0.15 s to parse; a long query has 5 thousand characters.
DOCUMENT_CHARS = 32 * 1024
BODY_BYTES = 1024 * 1024
BATCH = 50
KEYS = frozenset({"query", "variables", "operationName", "extensions"})
TELLING = frozenset({"query", "extensions"})
ENDPOINT = re.compile(r"/graphql(?:\.json)?/?\Z")
JSON_TYPE = re.compile(
    r'application/(?:json|graphql\+json)\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?', re.IGNORECASE
)
# Some parsers end a comment, or the whole document, where others go on.
UNUSUAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]")


def judge(action: RequestAction) -> Kind | None:
    """Say what a request does, if it is GraphQL.

    Args:
        action: with the operation that the document has for it.

    Returns:
        None when it is no GraphQL: then its method tells.
    """
    request = action.request
    is_endpoint = find_endpoint(action.path, action.operation)
    if action.method in ("GET", "HEAD"):
        return _judge_get(action, is_endpoint=is_endpoint)
    if action.method != "POST" or not is_endpoint:
        return None
    if action.query or request.content is None or "content-encoding" in request.headers:
        return "write"
    if not JSON_TYPE.fullmatch(request.headers.get("content-type", "")):
        return "write"
    return _judge_body(request.content)


def find_endpoint(path: str, operation: Operation | None) -> bool:
    """Say whether a path is surely one for GraphQL: by the document, or `/graphql` itself.

    The last segment of another path may be a name that the code chose.

    Args:
        path: below the base URL, as it is sent.
        operation: that of the document, if there is one.
    """
    if operation is not None:
        return ENDPOINT.search(operation.path) is not None
    return path.rstrip("/") == "/graphql"


def classify(document: str) -> Kind:
    """Say whether every operation of a GraphQL document only reads, whichever of them is run.

    Subscriptions read. A document without an operation is a write, because nobody knows what runs.

    Args:
        document: its text; over `DOCUMENT_CHARS` it is a write without being parsed.
    """
    if len(document) > DOCUMENT_CHARS or UNUSUAL.search(document):
        return "write"
    # Importing it takes 0.15 s, and few calls use GraphQL.
    from graphql import (  # noqa: TID251 - the owner of this dependency
        FragmentDefinitionNode,
        GraphQLError,
        OperationDefinitionNode,
        OperationType,
        parse,
    )

    try:
        definitions = parse(document, no_location=True).definitions
    except (GraphQLError, RecursionError):
        return "write"
    kinds = set()
    for definition in definitions:
        if isinstance(definition, OperationDefinitionNode):
            kinds.add(definition.operation)
        elif not isinstance(definition, FragmentDefinitionNode):
            return "write"
    reading = {OperationType.QUERY, OperationType.SUBSCRIPTION}
    return "read" if kinds and kinds <= reading else "write"


def _judge_get(action: RequestAction, *, is_endpoint: bool) -> Kind | None:
    """Look for a mutation in the query of a URL, also if the path only resembles GraphQL's."""
    if not is_endpoint and not any(
        "graphql" in fold(segment) for segments in read_path(action.path) for segment in segments
    ):
        return None
    pairs = action.query_pairs
    names = {name.casefold() for name, _ in pairs}
    if action.request.content or action.request.files:
        return "write"
    if not (pairs if is_endpoint else names & TELLING):
        return None
    texts: list[tuple[str, object]] = list(pairs)
    return _judge_fields(texts, [0])


def _judge_body(content: bytes) -> Kind:
    if len(content) > BODY_BYTES:
        return "write"
    try:
        # Not from bytes: json would guess UTF-16, and a server may guess otherwise.
        body = json.loads(content.decode(), object_pairs_hook=_Fields)
    except (ValueError, RecursionError):
        return "write"
    batch = body if type(body) is list else [body]
    if not 0 < len(batch) <= BATCH:
        return "write"
    used = [0]
    for fields in batch:
        if type(fields) is not _Fields or _judge_fields(fields, used) == "write":
            return "write"
    return "read"


class _Fields(list[tuple[str, object]]):
    """A JSON object with each of its fields, the repeated ones too."""


def _judge_fields(fields: list[tuple[str, object]], used_chars: list[int]) -> Kind:
    named = dict(fields)
    # Of two equal names some servers take the first, some the last, and some ignore case.
    if len(named) != len(fields) or not named.keys() <= KEYS:
        return "write"
    document = named.get("query")
    # A persisted query has its hash here.
    if not isinstance(document, str) or named.get("extensions") not in (None, []):
        return "write"
    used_chars[0] += len(document)
    if used_chars[0] > DOCUMENT_CHARS:
        return "write"
    return classify(document)
