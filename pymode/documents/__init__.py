"""OpenAPI documents: finds, fetches, caches and checks one before it is loaded into the sandbox."""

from pymode.documents.document import Document
from pymode.documents.source import OFFICIAL_URL, Spec, find_file, load, name_of, pull, shipped
from pymode.documents.syntax import MAX_SPEC_BYTES

__all__ = [
    "MAX_SPEC_BYTES",
    "OFFICIAL_URL",
    "Document",
    "Spec",
    "find_file",
    "load",
    "name_of",
    "pull",
    "shipped",
]
