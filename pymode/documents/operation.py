"""One operation of an OpenAPI document, with its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
"""A schema as the document has it: it may be a `$ref`, which `Operations.follow` resolves."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operation.

    Args:
        name: as it is sent.
        place: "path", "query", "header" or "cookie".
        required: whether it must be sent.
        schema: of its value.
    """

    name: str
    place: str
    required: bool
    schema: Schema


@dataclass(frozen=True, slots=True)
class Operation:
    """One method at one path template.

    Args:
        method: in capitals.
        path: the template, such as "/zones/{zone_id}".
        operation_id: None when the document gives none.
        summary: one line; may be empty.
        tags: those of the document and the product that the path names.
        parameters: those of the path too.
        body_required: whether a body must be sent.
        bodies: the schema of each media type that may be sent.
        responses: for each status ("200", "4XX", "default") the schema of its JSON, else {}.
        permissions: each of them is enough: a permission of a token, or scopes joined by " + ".
    """

    method: str
    path: str
    operation_id: str | None
    summary: str
    tags: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    body_required: bool
    bodies: Mapping[str, Schema]
    responses: Mapping[str, Schema]
    permissions: tuple[str, ...]
