"""The image of a spec: what names it, what is known of it, and when it is loaded."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from uuid import uuid4

import pytest
from small_document import SMALL

from pymode import data
from pymode import documents as spec
from pymode.documents import Spec
from pymode.errors import ImageError, SpecError
from pymode.limits import MIB
from pymode.protocol.loading import DocumentFacts
from pymode.sandbox import cache, image, runtimes
from pymode.sandbox.image import cache_key, open_image

pytestmark = pytest.mark.anyio

SPEC = Spec("a test", "small", json.dumps(SMALL).encode())
MEMORY_BYTES = 512 * MIB


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


@pytest.mark.parametrize("name", sorted({*image.INGREDIENTS, *runtimes.INGREDIENTS}))
def test_the_key_changes_with_the_versions_of_what_is_inside(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, before = image.version, cache_key([SPEC])
    for module in (image, runtimes):
        monkeypatch.setattr(module, "version", lambda each: "99" if each == name else real(each))
    assert cache_key([SPEC]) != before


def test_the_key_changes_with_the_settings_of_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache_key([SPEC])
    monkeypatch.setattr(runtimes, "ENGINE", runtimes.ENGINE + " and more")
    assert cache_key([SPEC]) != before


def test_the_key_changes_with_the_place_that_relative_servers_start_from() -> None:
    assert cache_key([SPEC]) != cache_key([replace(SPEC, url="https://api.example.com/openapi")])


async def test_an_image_knows_its_spec_and_is_opened_again_without_a_word() -> None:
    """The first opening may load; the second says nothing, because there is nothing to wait for."""
    found = await spec.load(SMALL)
    first = await open_image([found], MEMORY_BYTES)
    assert first.documents == (DocumentFacts(None, "Items", 2),)
    assert first.snapshot.stat().st_size > 1024**2
    assert [len(operations) for operations in first.read_operations()] == [2]
    said: list[str] = []
    second = await open_image(
        [found], MEMORY_BYTES, lambda _fraction, sentence: said.append(sentence)
    )
    assert second == first
    assert said == []


async def test_a_document_that_is_none_is_told_and_leaves_nothing() -> None:
    said: list[str] = []
    broken = Spec("broken.json", "broken", b'{"swagger": "2.0"}')
    with pytest.raises(SpecError, match=r"broken\.json: "):
        await open_image([broken], MEMORY_BYTES, lambda _fraction, sentence: said.append(sentence))
    assert said == ["reading broken.json"]
    left = cache.open_folder().glob(f"{cache_key([broken])}*")
    assert [path.suffix for path in left] == [".lock"]


async def test_documents_that_do_not_fit_are_refused_with_the_limit_and_what_to_do() -> None:
    paths = {f"/p{number}": {"get": {"summary": "s" * 1000}} for number in range(30_000)}
    large = Spec("large.json", "large", json.dumps({"openapi": "3.1.0", "paths": paths}).encode())
    with pytest.raises(SpecError, match=r"64 MiB.*load_memory_bytes.*--load-memory-mb"):
        await open_image([large], 64 * MIB)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")
async def test_a_document_of_ten_million_lists_is_refused_with_the_same_words() -> None:
    """It is 30 MB long, and would be 640 MB of objects before a guest sees it."""
    content = (
        b'{"openapi": "3.1.0", "paths": {"/a": {"get": {}}}, "x-a": [' + b"[]," * 10**7 + b"[]]}"
    )
    with pytest.raises(SpecError, match=r"64 MiB.*load_memory_bytes.*--load-memory-mb"):
        await open_image([Spec("lists.json", "lists", content)], 64 * MIB)


async def test_progress_counts_the_operations_of_all_documents() -> None:
    said: list[tuple[float, str]] = []
    documents: list[dict[str, object]] = [
        {"openapi": "3.1.0", "paths": {f"/{name}{n}": {"get": {}} for n in range(3000)}}
        for name in "ab"
    ]
    # Of no earlier run, whose image would be in the cache.
    documents[0]["info"] = {"title": str(uuid4()), "version": "1"}
    specs = [Spec("a test", "a", json.dumps(document).encode()) for document in documents]
    await open_image(specs, MEMORY_BYTES, lambda *report: said.append(report))
    assert [fraction for fraction, _ in said] == sorted(fraction for fraction, _ in said)
    assert said[0] == (0.0, "reading a test")
    assert said[-1] == (1.0, "laying out 3,000 of 3,000 operations")


async def test_yaml_is_loaded_like_json() -> None:
    text = "openapi: 3.1.0\ninfo: {title: Y, version: '1'}\npaths: {/a: {get: {}}}\n"
    loaded = await open_image([Spec("a test", "y", text.encode())], MEMORY_BYTES)
    assert loaded.documents == (DocumentFacts(None, "Y", 1),)


async def test_an_installation_that_cannot_build_the_runtime_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def find_none(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(runtimes, "version", find_none)
    with pytest.raises(ImageError, match=r"componentize-py is missing.*install pymode"):
        await open_image([SPEC], MEMORY_BYTES)
