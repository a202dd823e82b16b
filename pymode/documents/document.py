"""What is loaded into the sandbox: a checked OpenAPI document as compact JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from pymode.documents import references, syntax
from pymode.errors import SpecError

METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})


@dataclass(frozen=True)
class Document:
    """A checked OpenAPI 3.0 or 3.1 document.

    Args:
        content: compact JSON in UTF-8; each `$ref` with a string resolves within it.
        base_url: http(s) URL of the first server without a final slash; None when there is none.
        title: of the API.
        version: of the API, as its authors count.
        operations: how many there are.
    """

    content: bytes
    base_url: str | None
    title: str
    version: str
    operations: int


def parse(raw: bytes, url: str | None) -> Document:
    """Read and check a spec.

    Args:
        raw: the whole spec, JSON or YAML.
        url: where it was fetched from; relative server URLs start there.

    Raises:
        SpecError: it is not an OpenAPI 3.0 or 3.1 document that can be used.
    """
    document = syntax.read(raw)
    _check_version(document)
    paths = document.get("paths")
    if not isinstance(paths, dict):
        msg = "the spec has no `paths`: there is nothing to call; give a whole OpenAPI document"
        raise SpecError(msg)
    references.check(document)
    operations = sum(_count(document, path, item) for path, item in paths.items())
    if not operations:
        msg = "the spec has no operations under `paths`: there is nothing to call"
        raise SpecError(msg)
    info = document.get("info")
    info = info if isinstance(info, dict) else {}
    return Document(
        content=_write(document),
        base_url=_base_url(document, url),
        title=str(info.get("title") or "API"),
        version=str(info.get("version") or ""),
        operations=operations,
    )


def _check_version(document: dict[str, Any]) -> None:
    if "swagger" in document:
        msg = (
            f"the spec is Swagger {str(document['swagger'])[:20]}; only OpenAPI 3.0 and 3.1 are "
            "read. Convert it first (for example: npx swagger2openapi swagger.json -o openapi.json)"
        )
        raise SpecError(msg)
    if "openapi" not in document:
        msg = "the spec is not an OpenAPI document: it has no `openapi` key with its version"
        raise SpecError(msg)
    version = str(document["openapi"])
    if not re.fullmatch(r"3\.[01](\..+)?", version):
        msg = f"the spec is OpenAPI {version[:20]!r}; only OpenAPI 3.0 and 3.1 are read"
        raise SpecError(msg)
    # YAML reads an unquoted 3.1 as a number.
    document["openapi"] = version


def _count(document: dict[str, Any], path: str, item: object) -> int:
    if isinstance(item, dict) and isinstance(item.get("$ref"), str):
        item = references.resolve(document, item["$ref"])
    if path.startswith("x-"):
        return 0
    if not isinstance(item, dict):
        msg = f"the spec's path {path[:200]!r} is not a mapping of methods; mend it there"
        raise SpecError(msg)
    methods = METHODS.intersection(item)
    for method in methods:
        if not isinstance(item[method], dict):
            msg = f"the spec's operation {method} {path[:200]!r} is not a mapping; mend it there"
            raise SpecError(msg)
    return len(methods)


def _write(document: dict[str, Any]) -> bytes:
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        msg = "the spec holds a number beyond what JSON can carry; make it smaller"
        raise SpecError(msg) from None
    # An escaped half of a surrogate pair has no UTF-8.
    return text.encode("utf-8", "replace")


def _base_url(document: dict[str, Any], url: str | None) -> str | None:
    servers = document.get("servers")
    server = servers[0] if isinstance(servers, list) and servers else None
    if not isinstance(server, dict) or not isinstance(server.get("url"), str):
        return None
    variables = server.get("variables")
    variables = variables if isinstance(variables, dict) else {}

    def fill(match: re.Match[str]) -> str:
        variable = variables.get(match[1])
        default = variable.get("default") if isinstance(variable, dict) else None
        return match[0] if default is None else str(default)

    filled = re.sub(r"\{([^{}]*)\}", fill, server["url"])
    try:
        joined = urljoin(url or "", filled)
        parts = urlsplit(joined)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[{}]", joined):
        return None
    return joined.rstrip("/")
