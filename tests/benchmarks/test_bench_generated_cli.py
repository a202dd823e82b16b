"""The command line that is made from a document."""

from __future__ import annotations

import json
import shlex
import urllib.error
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks import bookshop, documents
from benchmarks.cli_commands import read_groups
from benchmarks.generated_cli import UsageError, encode, make_request, run, show
from pymode.simulator import running


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    with running() as base_url:
        yield base_url


@pytest.fixture
def core(api: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("API_URL", api)
    monkeypatch.setenv("API_TOKEN", "simulated-benchmark")
    return documents.core().data


def test_help_leads_from_groups_to_commands_to_options() -> None:
    assert "books (6)" in run(bookshop.DOCUMENT, ["--help"])
    assert "list-books: List books" in run(bookshop.DOCUMENT, ["books", "--help"])
    options = run(bookshop.DOCUMENT, ["books", "edit-book", "--help"])
    assert "--book-id string (required): The book." in options
    assert "price number: In euros." in options


def test_every_operation_of_the_core_is_a_command() -> None:
    groups = read_groups(documents.core().data)
    assert sum(len(commands) for commands in groups.values()) == documents.core().operations


def test_a_command_sends_its_parameters_and_prints_compact_json(core: dict[str, Any]) -> None:
    printed = run(core, ["zone", "zones-get", "--per-page", "5", "--page=2"])
    answer = json.loads(printed)
    assert answer["result_info"]["page"] == 2
    assert len(answer["result"]) == 1
    assert '": ' not in printed[:100]


def test_query_selects_and_text_prints_bare_lines(core: dict[str, Any]) -> None:
    pytest.importorskip("jmespath", reason="--query needs jmespath")
    words = shlex.split("zone zones-get --query 'result[].name' --text")
    assert "example.com" in run(core, words).splitlines()
    with pytest.raises(UsageError, match="--query"):
        run(core, ["zone", "zones-get", "--query", "[["])


def test_a_write_reaches_the_api(core: dict[str, Any]) -> None:
    zone = json.loads(run(core, ["zone", "zones-get"]))["result"][0]["id"]
    body = '{"type":"A","name":"cli","content":"192.0.2.7"}'
    command = ["dns-records-for-a-zone", "create-dns-record", "--zone-id", zone, "--body", body]
    assert json.loads(run(core, command))["result"]["content"] == "192.0.2.7"


def test_a_refusal_of_the_api_is_an_error(core: dict[str, Any]) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        run(core, ["zone", "zones-0-get", "--zone-id", "0" * 32])
    with refused.value as answer:
        assert json.loads(answer.read())["success"] is False


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("films", "there is no group films"),
        ("books lend-book", "there is no command lend-book"),
        ("books get-book", "--book-id is required"),
        ("books list-books --colour red", "unknown option --colour"),
        ("books list-books --author", "--author needs a value"),
        ("books add-book --body {", "--body is not JSON"),
        ("books add-book --body @/nowhere", "cannot read /nowhere"),
    ],
)
def test_wrong_words_are_explained(
    line: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_URL", "http://127.0.0.1:9")
    with pytest.raises(UsageError, match=complaint):
        run(bookshop.DOCUMENT, line.split())


def test_path_parameters_are_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_URL", "http://127.0.0.1:9")
    command = read_groups(bookshop.DOCUMENT)["books"]["get-book"]
    request = make_request(bookshop.DOCUMENT, command, {"--book-id": "a/b c"})
    assert request.full_url == "http://127.0.0.1:9/books/a%2Fb%20c"


def test_form_fields_come_from_a_json_object() -> None:
    body, medium = encode(b'{"value": "x", "metadata": {"a": 1}}', "multipart/form-data")
    boundary = medium.partition("boundary=")[2]
    assert body.count(f"--{boundary}".encode()) == 3
    assert b'name="metadata"\r\n\r\n{"a": 1}\r\n' in body


def test_an_answer_that_is_no_json_is_printed_as_it_is() -> None:
    assert show(b"plain text", {}) == "plain text"
