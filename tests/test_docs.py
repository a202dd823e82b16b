"""The documentation names what is there, and leaves no setting out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pymode.config import Settings, option_name

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
TEXT = "\n".join(page.read_text() for page in PAGES)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(tests/[\w./]+)`", TEXT))))
def test_every_test_that_the_pages_name_exists(path: str) -> None:
    assert (REPOSITORY / path).exists()


@pytest.mark.parametrize("field", list(Settings.model_fields))
def test_every_setting_is_in_the_pages(field: str) -> None:
    assert re.search(rf"{option_name(field)}\b", TEXT)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_the_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([\w./-]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target
