"""The default name of an API in the code, such as `cloudflare`."""

from __future__ import annotations

import builtins
import keyword
import re

_KINDS = {"api", "apis", "rest", "openapi", "openapi3", "oas", "swagger", "spec", "specs", "v"}
_PARTS = {"schema", "schemas", "definition", "description", "doc", "docs", "document", "bundled"}
_PLACES = {"www", "com", "org", "net", "io", "dev", "app", "co", "raw", "githubusercontent"}
_BRANCHES = {"main", "master", "latest", "stable", "current", "head", "heads", "refs", "blob"}
_FORMATS = {"json", "yaml", "yml", "public", "static", "bundle"}
_GENERIC = _KINDS | _PARTS | _PLACES | _BRANCHES | _FORMATS


def derive(*texts: str) -> str:
    """Return the first telling label of `texts` as an identifier, or "api".

    Labels are parted by dots and slashes, words within them by anything else. Words that say
    nothing (`api`, `openapi`, `v3`, `com`, …) are dropped, and a label that has no other words:
    "api.github.com.json" gives "github", "stripe-openapi-v3.yaml" gives "stripe".
    """
    for text in texts:
        for label in re.split(r"[./\\]+", text.casefold()):
            words = [word for word in re.findall(r"[a-z0-9]+", label) if _tells(word)]
            if words:
                return _identify("_".join(words)[:40].rstrip("_"))
    return "api"


def _tells(word: str) -> bool:
    return word not in _GENERIC and not re.fullmatch(r"v?[0-9]+", word)


def _identify(name: str) -> str:
    if (
        keyword.iskeyword(name)
        or hasattr(builtins, name)
        or name in ("account_id", "results", "spec")
    ):
        return f"{name}_api"
    return name if name.isidentifier() else f"api_{name}"
