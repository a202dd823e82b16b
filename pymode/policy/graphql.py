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
MAX_DOCUMENT_CHARS = 32 * 1024
BODY_BYTES = 1024 * 1024
# The most documents in one body.
MAX_BATCH = 50
KEYS = frozenset({"query", "variables", "operationName", "extensions"})
# A GET whose path only resembles an endpoint's is judged if its query has one of these.
QUERY_FIELDS = frozenset({"query", "extensions"})
ENDPOINT = re.compile(r"/graphql(?:\.json)?/?\Z")
JSON_TYPE = re.compile(
    r'application/(?:json|graphql\+json)\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?', re.IGNORECASE
)
# Some parsers end a comment, or the whole document, where others go on.
UNUSUAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]")


def judge(action: RequestAction) -> Kind | None:
    """Say what a request does, if it is GraphQL.

    Args:
        action: the request, with the operation that the document has for it.

    Returns:
        "read" or "write", or None if the request is not GraphQL, so that its method decides.
    """
    request = action.request
    is_endpoint = find_endpoint(action.path, action.operation)
    if action.method in ("GET", "HEAD"):
        return _judge_get(action, is_endpoint=is_endpoint)
    if action.method != "POST" or not is_endpoint:
        return None
    # The server may run a query of the URL, or decode the body to something else.
    if action.query or request.content is None or "content-encoding" in request.headers:
        return "write"
    if not JSON_TYPE.fullmatch(request.headers.get("content-type", "")):
        return "write"
    return _judge_body(request.content)


def find_endpoint(path: str, operation: Operation | None) -> bool:
    """Say whether a path is surely a GraphQL endpoint: by the document, or `/graphql` itself.

    In any other path the last segment may be a name that the code chose.

    Args:
        path: the path below the base URL, as it is sent.
        operation: the document's operation for the request, if there is one.
    """
    if operation is not None:
        return ENDPOINT.search(operation.path) is not None
    return path.rstrip("/") == "/graphql"


def classify(document: str) -> Kind:
    """Say whether every operation of a GraphQL document only reads, whichever of them is run.

    Subscriptions read. A document without an operation is a write, because nobody knows what runs.

    Args:
        document: the text; over `MAX_DOCUMENT_CHARS` characters it is a write without being parsed.
    """
    if len(document) > MAX_DOCUMENT_CHARS or UNUSUAL.search(document):
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
    """Look for a mutation in the query of a URL, also if the path is only like an endpoint's."""
    if not is_endpoint and not any(
        "graphql" in fold(segment) for segments in read_path(action.path) for segment in segments
    ):
        return None
    pairs = action.query_pairs
    names = {name.casefold() for name, _ in pairs}
    # A server may read the body of a GET, so the URL does not tell what is run.
    if action.request.content or action.request.files:
        return "write"
    if not (pairs if is_endpoint else names & QUERY_FIELDS):
        return None
    texts: list[tuple[str, object]] = list(pairs)
    return _judge_fields(texts, [0])


def _judge_body(content: bytes) -> Kind:
    if len(content) > BODY_BYTES:
        return "write"
    try:
        # From bytes, `json` would guess UTF-8, UTF-16 or UTF-32; a server may guess otherwise.
        body = json.loads(content.decode(), object_pairs_hook=_Fields)
    except (ValueError, RecursionError):
        return "write"
    batch = body if type(body) is list else [body]
    if not 0 < len(batch) <= MAX_BATCH:
        return "write"
    used = [0]
    for fields in batch:
        if type(fields) is not _Fields or _judge_fields(fields, used) == "write":
            return "write"
    return "read"


class _Fields(list[tuple[str, object]]):
    """The fields of a JSON object, including those whose name is repeated."""


def _judge_fields(fields: list[tuple[str, object]], used_chars: list[int]) -> Kind:
    named = dict(fields)
    # Of two equal names some servers take the first, some the last, and some ignore case.
    if len(named) != len(fields) or not named.keys() <= KEYS:
        return "write"
    document = named.get("query")
    # A persisted query has its hash in `extensions`.
    if not isinstance(document, str) or named.get("extensions") not in (None, []):
        return "write"
    used_chars[0] += len(document)
    if used_chars[0] > MAX_DOCUMENT_CHARS:
        return "write"
    return classify(document)
