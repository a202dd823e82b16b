"""Media types: which bodies are JSON, and which are text."""

from __future__ import annotations

TEXT_TYPES = frozenset(
    "application/" + name
    for name in (
        "ecmascript",
        "graphql",
        "javascript",
        "javascript+module",
        "jsonl",
        "ndjson",
        "node+module",
        "sql",
        "toml",
        "x-javascript",
        "x-ndjson",
        "x-sh",
        "x-www-form-urlencoded",
        "x-yaml",
        "xml",
        "yaml",
    )
)


def is_json(media_type: str) -> bool:
    """Say whether a media type is JSON."""
    return media_type in ("application/json", "text/json") or media_type.endswith("+json")


def is_text(media_type: str) -> bool:
    """Say whether a media type is text."""
    return (
        media_type.startswith(("text/", "multipart/"))
        or media_type in TEXT_TYPES
        or is_json(media_type)
        or media_type.endswith(("+xml", "+yaml"))
    )
