"""Specs: find one, fetch it, cache it, and check it before an image is built from it."""

from pymode.spec.document import Document
from pymode.spec.source import OFFICIAL_URL, Spec, load, name_of, pull, shipped
from pymode.spec.syntax import SPEC_BYTES

__all__ = ["OFFICIAL_URL", "SPEC_BYTES", "Document", "Spec", "load", "name_of", "pull", "shipped"]
