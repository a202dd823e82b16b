"""The documentation names what is there, and leaves no setting out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages import PAGES, REPOSITORY

import pymode
from pymode.cli.settings import Settings, option_name

TEXT = "\n".join(page.read_text() for page in PAGES)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(tests/[\w./]+)`", TEXT))))
def test_every_test_that_the_pages_name_exists(path: str) -> None:
    assert (REPOSITORY / path).exists()


@pytest.mark.parametrize("field", list(Settings.model_fields))
def test_every_setting_is_in_the_pages(field: str) -> None:
    assert re.search(rf"{option_name(field)}\b", TEXT)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_links_between_the_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_navigation_has_each_page_once() -> None:
    navigation = (REPOSITORY / "mkdocs.yml").read_text()
    listed = re.findall(r"^ +- .*?([\w/-]+\.md)$", navigation, re.MULTILINE)
    docs = REPOSITORY / "docs"
    there = [path.relative_to(docs).as_posix() for path in docs.rglob("*.md")]
    assert sorted(listed) == sorted(there)


def test_every_public_name_is_in_the_reference() -> None:
    reference = "".join(page.read_text() for page in (REPOSITORY / "docs/reference").glob("*.md"))
    for name in pymode.__all__:
        assert f"::: {getattr(pymode, name).__module__}.{name}\n" in reference
