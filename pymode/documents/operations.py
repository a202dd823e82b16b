"""The operations of an OpenAPI document: found by method and path, read when they are needed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final

from pymode.documents import references
from pymode.documents.document import METHODS
from pymode.documents.operation import Operation, Parameter, Schema
from pymode.documents.routes import NAMED, Routes, split
from pymode.documents.schemas import items
from pymode.documents.similarity import SimilarTemplates

PLACES: Final = frozenset({"path", "query", "header", "cookie"})
METHOD_BONUS: Final = 0.1
MAX_SCORE_GAP: Final = 0.3
MAX_PERMISSIONS: Final = 100

# As in the guest: the segment after an account or a zone names the product.
_PRODUCT: Final = re.compile(
    r"/(?:accounts|zones|\{accounts?_or_zones?\})/\{[^{}/]+\}/([^{}/]+)(?=/|$)"
    r"|/\{(?:account|zone)_?(?:id|identifier|tag)\}/([^{}/]+)(?=/|$)",
    re.IGNORECASE,
)


class Operations:
    """All operations of a document; indexed at once, each one read when it is asked for.

    Args:
        document: parsed JSON of `pymode.documents.Document.content`; it must not change.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = dict(document)
        self._items: dict[str, Mapping[str, Any]] = {}
        self._targets: dict[str, Schema] = {}
        # The schema itself is kept too: the id of one that is gone may be given again.
        self._merged: dict[int, tuple[Schema, Schema]] = {}
        self._read: dict[tuple[str, str], Operation] = {}
        self._routes = Routes(self._spans)
        paths = document.get("paths")
        for template, item in paths.items() if isinstance(paths, dict) else ():
            if template.startswith("/") and (item := self.follow(item)):
                self._items[template] = item
                self._routes.add(template)

    def __len__(self) -> int:
        return sum(1 for _ in self._keys())

    def __iter__(self) -> Iterator[Operation]:
        for method, template in self._keys():
            yield self._get(method, template)

    def match(self, method: str, path: str) -> Operation | None:
        """Return the operation that a request is for.

        Args:
            method: in any case; HEAD is a GET where the document has no HEAD.
            path: below the base URL, percent-encoded, without its query.
        """
        for template in self._routes.find(path):
            for name in self._find_methods(method, template):
                return self._get(name, template)
        return None

    def match_in_any_case(self, method: str, path: str) -> list[Operation]:
        """Return the operations that a request may be for on a server that ignores case.

        They are several if the document has paths that differ in case only.

        Args:
            method: as for `match`.
            path: as for `match`.
        """
        for templates in self._loose_routes.find_alike(path):
            found = [
                self._get(name, template)
                for template in templates
                for name in self._find_methods(method, template)
            ]
            if found:
                return found
        return []

    def methods(self, path: str) -> tuple[str, ...]:
        """Return the methods that the document has at a path, in capitals and in order."""
        found = {
            method.upper()
            for template in self._routes.find(path)
            for method in self._methods(template)
        }
        return tuple(sorted(found))

    def nearest(self, method: str, path: str, count: int = 3) -> list[Operation]:
        """Return operations that may have been meant, the nearest one first.

        Args:
            method: in capitals; the same method counts a little.
            path: which may be in the document or not, percent-encoded.
            count: how many at most.
        """
        scored = [
            (score + (METHOD_BONUS if name.upper() == method else 0.0), name, template)
            for score, template in self._similar.rank(path)
            for name in self._methods(template)
        ]
        scored.sort(key=lambda entry: -entry[0])
        least = scored[0][0] - MAX_SCORE_GAP if scored else 0.0
        near = [entry for entry in scored[:count] if entry[0] >= least]
        return [self._get(name, template) for _, name, template in near]

    def follow(self, schema: object) -> Schema:
        """Return a schema with its `$ref` resolved; keys beside the `$ref` win.

        Returns:
            {} for what is no schema, or refers to none.
        """
        if not isinstance(schema, dict):
            return {}
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        found = self._targets.get(reference)
        if found is None:
            try:
                target = references.resolve(self._document, reference)
            except LookupError:
                target = None
            found = self._targets[reference] = target if isinstance(target, dict) else {}
        if len(schema) == 1:
            return found
        # One schema is one object each time, so that a cycle can be seen.
        if id(schema) not in self._merged:
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            self._merged[id(schema)] = (schema, {**found, **beside})
        return self._merged[id(schema)][1]

    @cached_property
    def _loose_routes(self) -> Routes:
        routes = Routes(self._spans, ignores_case=True)
        for template in self._items:
            routes.add(template)
        return routes

    def _find_methods(self, method: str, template: str) -> list[str]:
        """Return the methods of a template that answer a method, the best one first."""
        wanted = ("head", "get") if method.upper() == "HEAD" else (method.lower(),)
        item = self._items[template]
        return [name for name in wanted if name in METHODS and isinstance(item.get(name), dict)]

    @cached_property
    def _similar(self) -> SimilarTemplates:
        return SimilarTemplates(self._items)

    def _keys(self) -> Iterator[tuple[str, str]]:
        for template in self._items:
            for method in self._methods(template):
                yield method, template

    def _methods(self, template: str) -> list[str]:
        item = self._items[template]
        return [name for name in item if name in METHODS and isinstance(item[name], dict)]

    def _spans(self, template: str) -> bool:
        """Say whether the last parameter of a template may hold slashes."""
        match = NAMED.fullmatch(split(template)[-1])
        name = match[1] if match else ""
        if name.startswith("+") or name.endswith(("+", "*")):
            return True
        item = self._items[template]
        return any(
            parameter.get("name") == name
            and (parameter.get("x-multi-segment") is True or parameter.get("allowReserved") is True)
            for method in self._methods(template)
            for parameter in self._parameters(item, item[method])
        )

    def _get(self, method: str, template: str) -> Operation:
        key = (method, template)
        if key not in self._read:
            self._read[key] = self._build(method, template)
        return self._read[key]

    def _build(self, method: str, template: str) -> Operation:
        item = self._items[template]
        operation = item[method]
        operation_id = operation.get("operationId")
        body = self.follow(operation.get("requestBody"))
        responses = operation.get("responses")
        return Operation(
            method=method.upper(),
            path=template,
            operation_id=operation_id if isinstance(operation_id, str) else None,
            summary=_text(operation.get("summary")),
            tags=_tags(template, operation),
            parameters=tuple(map(self._parameter, self._parameters(item, operation))),
            body_required=body.get("required") is True,
            bodies={
                media.lower(): _schema(content.get("schema"))
                for media, content in self._content(body)
            },
            responses={
                str(status).upper(): self._answer(response)
                for status, response in _entries(responses)
            },
            permissions=self._permissions(operation),
        )

    def _parameters(self, item: Schema, operation: Schema) -> list[Schema]:
        found: dict[tuple[object, object], Schema] = {}
        for owner in (item, operation):
            for written in items(owner.get("parameters")):
                parameter = self.follow(written)
                if isinstance(parameter.get("name"), str) and parameter.get("in") in PLACES:
                    found[parameter["name"], parameter["in"]] = parameter
        return list(found.values())

    def _parameter(self, parameter: Schema) -> Parameter:
        schema = parameter.get("schema")
        # A parameter with `content` is serialised text, of which a schema says nothing here.
        schema = schema if isinstance(schema, dict) else {}
        required = parameter.get("required") is True
        return Parameter(parameter["name"], parameter["in"], required, schema)

    def _content(self, owner: Schema) -> Iterator[tuple[str, Schema]]:
        for media, content in _entries(owner.get("content")):
            if isinstance(content, dict):
                yield media.partition(";")[0].strip(), content

    def _answer(self, response: object) -> Schema:
        """Return the schema of a JSON response, with the example that stands beside it."""
        for media, content in self._content(self.follow(response)):
            if not (media.lower().endswith(("/json", "+json")) or media == "*/*"):
                continue
            schema = _schema(content.get("schema"))
            examples = [content, *(self.follow(e) for _, e in _entries(content.get("examples")))]
            for example, key in zip(
                examples, ["example", *["value"] * len(examples)], strict=False
            ):
                if key in example:
                    return {"allOf": [schema], "example": example[key]}
            return schema
        return {}

    def _permissions(self, operation: Schema) -> tuple[str, ...]:
        groups = operation.get("x-api-token-group")
        if groups is None:
            required = operation.get("x-cfPermissionsRequired")
            groups = required.get("enum") if isinstance(required, dict) else None
        groups = [groups] if isinstance(groups, str) else groups
        found = [group for group in items(groups) if isinstance(group, str)]
        if not found:
            security = operation.get("security", self._document.get("security"))
            for alternative in items(security):
                scopes = [s for _, some in _entries(alternative) for s in items(some)]
                found.append(" + ".join(s for s in scopes if isinstance(s, str)))
            # If one of the alternatives needs no scope, no permission is needed.
            found = found if all(found) else []
        return tuple(dict.fromkeys(group[:200] for group in found[:MAX_PERMISSIONS] if group))


def _tags(template: str, operation: Schema) -> tuple[str, ...]:
    tags = [tag for tag in items(operation.get("tags")) if isinstance(tag, str)]
    if found := _PRODUCT.search(template):
        tags.append(found[1] or found[2])
    return tuple(dict.fromkeys(tags))


def _schema(value: object) -> Schema:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return " ".join(value.split())[:200] if isinstance(value, str) else ""


def _entries(value: object) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []
