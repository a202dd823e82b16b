"""The documents that the benchmarks measure."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from benchmarks import documents
from benchmarks.documents import Document, Missing
from benchmarks.npm import NpmPackage, PackageError


def test_the_shipped_core_is_normalised_and_whole() -> None:
    core = documents.core()
    assert core.operations == 291
    assert core.namespace == "cloudflare"
    assert core.server == "https://api.cloudflare.com/client/v4"
    assert core.text == json.dumps(core.data, ensure_ascii=False, separators=(",", ":"))


def test_empty_required_lists_are_left_out_and_nothing_else() -> None:
    """FastMCP's parser refuses them; every approach reads the same text."""
    schema = {"required": [], "properties": {"required": {"type": "string"}}, "enum": []}
    item = {"get": {"responses": {}, "requestBody": {"required": True, "schema": schema}}}
    made = documents.make("a", "A", "here", {"paths": {"/a": item}})
    left = made.data["paths"]["/a"]["get"]["requestBody"]
    kept = {"properties": {"required": {"type": "string"}}, "enum": []}
    assert left == {"required": True, "schema": kept}


@pytest.mark.parametrize("operations", [7, 10, 25])
def test_a_document_is_multiplied_under_new_names(operations: int) -> None:
    many = documents.multiply(documents.small(), operations)
    made = [
        operation
        for item in many.data["paths"].values()
        for method, operation in item.items()
        if method in documents.METHODS
    ]
    names = {operation["operationId"] for operation in made}
    assert many.operations == len(made) == len(names) == operations
    assert many.namespace == "bookshop"
    assert {tag for each in made for tag in each["tags"]} <= {t["name"] for t in many.data["tags"]}


def test_multiplying_gives_the_same_text_each_time() -> None:
    """Images are found again by the text."""
    first, second = (documents.multiply(documents.small(), 30) for _ in range(2))
    assert first.text == second.text
    assert first.path == second.path
    assert first.path.read_text() == first.text


def test_a_file_that_is_no_document_is_missing_with_a_reason(tmp_path: Path) -> None:
    wrong, absent, right = (tmp_path / name for name in ("wrong.json", "absent.json", "right.json"))
    wrong.write_text('{"openapi": "3.0.0"}')
    right.write_text(documents.small().text)
    found = documents.load_documents([wrong, absent, right])
    assert [type(document) for document in found] == [Missing, Missing, Document]
    assert [document.name for document in found] == ["wrong", "absent", "right"]
    assert "no `paths`" in found[0].reason
    assert str(absent) in found[1].reason


def test_without_a_network_a_download_is_missing_with_a_reason() -> None:
    # Port 9 of this machine: nobody listens.
    found = documents.download("far", "Far", "http://127.0.0.1:9/openapi.json")
    assert isinstance(found, Missing)
    assert "http://127.0.0.1:9/openapi.json cannot be had" in found.reason


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for a program named npm, which is the only one that is found."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder) + os.pathsep + "/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return folder / "npm"


def say(npm: Path, script: str) -> None:
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)


def test_a_source_on_npm_is_named_by_package_and_version() -> None:
    assert str(documents.GITHUB_PACKAGE) == "@octokit/openapi 23.0.2 from npm"


def test_a_package_is_fetched_with_npm_and_kept(npm: Path, tmp_path: Path) -> None:
    content = documents.small().text.encode()
    member = tarfile.TarInfo(f"package/{documents.GITHUB_MEMBER}")
    member.size = len(content)
    with tarfile.open(tmp_path / "made.tgz", "w:gz") as archive:
        archive.addfile(member, io.BytesIO(content))
    say(npm, f'echo "$4" > {tmp_path}/asked; cp {tmp_path}/made.tgz "$6/openapi.tgz"')
    found = documents.github()
    assert isinstance(found, Document)
    assert found.source == "@octokit/openapi 23.0.2 from npm"
    assert found.text.encode() == content
    assert (tmp_path / "asked").read_text() == "@octokit/openapi@23.0.2\n"
    npm.unlink()
    assert documents.github() == found


def test_a_package_is_missing_with_a_reason_where_npm_fails(npm: Path) -> None:
    say(npm, "echo 'npm error code ENOTFOUND' >&2; exit 1")
    found = documents.github()
    assert isinstance(found, Missing)
    assert found.reason == (
        "@octokit/openapi 23.0.2 from npm cannot be had: "
        "npm pack failed and said: npm error code ENOTFOUND"
    )


def test_a_package_without_the_file_is_missing_with_a_reason(npm: Path, tmp_path: Path) -> None:
    tarfile.open(tmp_path / "empty.tgz", "w:gz").close()
    say(npm, f'cp {tmp_path}/empty.tgz "$6/"')
    with pytest.raises(PackageError, match=r"no file there\.json"):
        NpmPackage("some", "1.0.0").read("there.json")


def test_without_npm_a_package_is_missing_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = documents.github()
    assert isinstance(found, Missing)
    assert "npm is not installed" in found.reason
