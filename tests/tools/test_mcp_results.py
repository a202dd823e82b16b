"""The result of a tool as a Python value."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from mcp import types
from mcp.types import CallToolResult, TextContent

from pymode.tools.mcp.messages import LineReader, MessageTooLong, ValueCounter, count_values
from pymode.tools.mcp.results import check, is_wrapped, read_error, read_result, spell_arguments
from pymode.tools.tool import ToolFailed

BYTES = base64.b64encode(b"\x00\xff").decode()


def read(*blocks: types.ContentBlock, wrapped: bool = False, **more: Any) -> Any:
    return read_result(CallToolResult(content=list(blocks), **more), is_wrapped=wrapped)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2.5, null, true]}', {"a": [1, 2.5, None, True]}),
        ("42", 42),
        ("007", "007"),
        ("NaN", "NaN"),
        ('"\\ud800"', '"\\ud800"'),
        ("[" * 10_000, "[" * 10_000),
        ("", ""),
        ("plain", "plain"),
    ],
)
def test_text_is_json_where_it_is_json(text: str, value: object) -> None:
    assert read(TextContent(text=text)) == value


def test_no_block_is_none_and_several_are_a_list() -> None:
    assert read() is None
    assert read(TextContent(text="a"), TextContent(text="1")) == ["a", 1]


def test_images_audio_and_blobs_are_bytes() -> None:
    blob = types.BlobResourceContents(uri="file:///a", blob=BYTES)
    assert (
        read(
            types.ImageContent(data=BYTES, mime_type="image/png"),
            types.AudioContent(data=BYTES, mime_type="audio/wav"),
            types.EmbeddedResource(resource=blob),
        )
        == [b"\x00\xff"] * 3
    )
    with pytest.raises(ToolFailed, match="not base64"):
        read(types.ImageContent(data="?", mime_type="image/png"))


def test_a_link_is_a_dict() -> None:
    assert read(types.ResourceLink(name="a", uri="file:///a")) == {
        "type": "resource_link",
        "name": "a",
        "uri": "file:///a",
    }


def test_structured_content_comes_first_and_is_unwrapped_only_where_the_schema_says_so() -> None:
    text = TextContent(text="other")
    assert read(text, structured_content={"result": [1]}) == {"result": [1]}
    assert read(text, structured_content={"result": [1]}, wrapped=True) == [1]
    assert read(text, structured_content={"result": 1, "b": 2}, wrapped=True) == {
        "result": 1,
        "b": 2,
    }


def test_a_wrapping_schema_is_told_by_its_mark_or_its_only_property() -> None:
    assert is_wrapped({"properties": {"result": {}}})
    assert is_wrapped({"properties": {"result": {}, "b": {}}, "x-fastmcp-wrap-result": True})
    assert not is_wrapped({"properties": {"result": {}, "b": {}}})
    assert not is_wrapped({"properties": ["result"]})
    assert not is_wrapped(None)


def test_an_error_is_its_text() -> None:
    blocks: list[types.ContentBlock] = [TextContent(text="a"), TextContent(text="b")]
    assert read_error(CallToolResult(content=blocks, is_error=True)) == "a\nb"
    assert "does not say why" in read_error(CallToolResult(content=[], is_error=True))


def test_what_is_too_deep_too_large_or_no_json_is_refused() -> None:
    nested: Any = 1
    for _ in range(300):
        nested = [nested]
    with pytest.raises(ToolFailed, match="deeper than 200"):
        check(nested)
    with pytest.raises(ToolFailed, match="more than"):
        check(["x" * 40_000_000, {"y": "é" * 20_000_000}])
    with pytest.raises(ToolFailed, match="number that JSON does not have"):
        check({"a": float("nan")})
    with pytest.raises(ToolFailed, match="holds a object"):
        check([object()])


def test_bytes_in_arguments_are_base64() -> None:
    assert spell_arguments({"a": [b"\x00\xff"], "b": 1}) == {"a": [BYTES], "b": 1}


@pytest.mark.parametrize("step", [1, 3, 10_000])
def test_lines_come_together_from_any_pieces(step: int) -> None:
    data = b'{"jsonrpc":"2.0","id":1,"result":{}}\n\n{"jsonrpc":"2.0","method":"a/b"}\n'
    lines = LineReader()
    found = [
        message.message
        for start in range(0, len(data), step)
        for message in lines.feed(data[start : start + step])
    ]
    assert [type(message).__name__ for message in found] == [
        "JSONRPCResponse",
        "JSONRPCNotification",
    ]


@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc":"2.0","id":7,"result":{"id":3,"a":"%s"}}',
        b'{"result":{"id":3,"a":"%s","b":{"id": 4}},"jsonrpc":"2.0","id": 7}',
    ],
)
def test_an_answer_that_is_too_long_is_an_error_with_its_id(line: bytes) -> None:
    lines = LineReader(most_bytes=20_000)
    data = line % (b"x" * 30_000) + b"\n"
    pieces = [data[start : start + 1_000] for start in range(0, len(data), 1_000)]
    (found,) = [message for piece in pieces for message in lines.feed(piece)]
    assert isinstance(found.message, types.JSONRPCError)
    assert found.message.id == 7
    assert "at most 20,000" in found.message.error.message


def test_a_line_without_an_end_ends_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pymode.tools.mcp.messages._MAX_LINE_BYTES", 10_000)
    lines = LineReader(most_bytes=5_000)
    for _ in range(10):
        assert lines.feed(b"x" * 1_000) == []
    with pytest.raises(MessageTooLong):
        lines.feed(b"x")


def test_lists_without_number_are_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pymode.tools.mcp.messages._MAX_VALUES", 1_000)
    (found,) = LineReader().feed(
        b'{"jsonrpc":"2.0","id":7,"result":{"a":[' + b"[]," * 2_000 + b"[]]}}\n"
    )
    assert isinstance(found.message, types.JSONRPCError)
    assert "too many" in found.message.error.message


def test_values_without_number_are_not_parsed_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pymode.tools.mcp.messages._MAX_VALUES", 1_000)
    (found,) = LineReader().feed(
        b'{"jsonrpc":"2.0","id":7,"result":{"a":[' + b"0.5," * 2_000 + b"1]}}\n"
    )
    assert isinstance(found.message, types.JSONRPCError)
    assert "too many values" in found.message.error.message


def test_commas_and_brackets_in_texts_are_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pymode.tools.mcp.messages._MAX_VALUES", 2)
    assert count_values(rb'{"a": ["[,,{", "\",,,", "\\", 1]}') == 5


@pytest.mark.parametrize("size", range(1, 12))
def test_values_are_counted_the_same_however_they_come_in_pieces(size: int) -> None:
    text = rb'{"a": "\\\",,[", "b\\": [1, 2, "\\"], "c": "\"", "d": [{}, {}]}'
    counter = ValueCounter()
    for start in range(0, len(text), size):
        counter.feed(text[start : start + size])
    assert counter.values == 4 + 2 + 5  # commas between members, between items; brackets
