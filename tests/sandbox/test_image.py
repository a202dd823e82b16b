"""The image of a spec: what names it, what is known of it, and when it is built."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from small_document import SMALL

from pymode import data
from pymode import documents as spec
from pymode.documents import Spec
from pymode.errors import SpecError
from pymode.sandbox import image
from pymode.sandbox.image import DocumentFacts, cache_key, open_image

pytestmark = pytest.mark.anyio

SPEC = Spec("a test", "small", json.dumps(SMALL).encode())


@pytest.fixture
def guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a copy of the guest's sources that a test may change, in place of the real ones."""
    copy = tmp_path / "wasm"
    shutil.copytree(data.folder("wasm"), copy)
    monkeypatch.setattr(data, "folder", lambda _name: copy)
    return copy


def test_the_key_is_the_same_for_the_same_bytes() -> None:
    """Where a spec comes from and what it is called do not matter; its content does."""
    assert cache_key([SPEC]) == cache_key([SPEC])
    assert cache_key([SPEC]) == cache_key([replace(SPEC, source="elsewhere", name="other")])
    assert len(cache_key([SPEC])) == 32


def test_the_key_changes_with_the_spec() -> None:
    assert cache_key([SPEC]) != cache_key([replace(SPEC, raw=SPEC.raw + b"\n")])
    assert cache_key([SPEC]) != cache_key([replace(SPEC, raw=b"")])


def test_the_key_changes_with_every_source_of_the_guest(guest: Path) -> None:
    keys = [cache_key([SPEC])]
    sources = [guest / "pymode.wit", *sorted((guest / "guest").glob("*.py"))]
    assert len(sources) > 10
    for source in sources:
        with source.open("a") as file:
            file.write("\n")
        keys.append(cache_key([SPEC]))
    (guest / "guest" / "another.py").write_text("")
    keys.append(cache_key([SPEC]))
    assert len(set(keys)) == len(keys)


def test_a_line_that_moves_from_one_source_to_the_next_changes_the_key(guest: Path) -> None:
    """Contents are hashed with their lengths, so that their borders count."""
    first, second = sorted((guest / "guest").glob("*.py"))[:2]
    before = cache_key([SPEC])
    moved = second.read_bytes()
    second.write_bytes(b"")
    first.write_bytes(first.read_bytes() + moved)
    assert cache_key([SPEC]) != before


@pytest.mark.parametrize("name", image.INGREDIENTS)
def test_the_key_changes_with_the_versions_of_what_is_inside(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, before = image.version, cache_key([SPEC])
    monkeypatch.setattr(image, "version", lambda each: "99" if each == name else real(each))
    assert cache_key([SPEC]) != before


def test_the_key_changes_with_the_settings_of_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache_key([SPEC])
    monkeypatch.setattr(image, "ENGINE", image.ENGINE + " and more")
    assert cache_key([SPEC]) != before


async def test_an_image_knows_its_spec_and_is_opened_again_without_a_build() -> None:
    """The first opening may build; the second says nothing, because there is nothing to wait for.

    The image is that of the tests of the library, so that a run builds it once at most.
    """
    found = await spec.load(SMALL)
    first = await open_image([found])
    assert first.documents == (DocumentFacts(None, "Items", 2),)
    assert first.memory_bytes % 65536 == 0
    assert 1024**2 < first.memory_bytes < 1024**3
    assert first.path.stat().st_size > 1024**2
    said: list[str] = []
    second = await open_image([found], lambda _fraction, sentence: said.append(sentence))
    assert second == first
    assert said == []


async def test_a_document_that_is_none_is_told_before_anything_is_built() -> None:
    said: list[str] = []
    broken = Spec("broken.json", "broken", b'{"swagger": "2.0"}')
    with pytest.raises(SpecError, match=r"broken\.json: "):
        await open_image([broken], lambda _fraction, sentence: said.append(sentence))
    assert said == ["reading broken.json"]
    assert not list(image.cache_folder().glob(f"{cache_key([broken])}*.image"))
