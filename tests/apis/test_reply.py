"""What the host tells the guest beside the body of an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pymode.apis.reply import MAX_LINK_CHARS, write_error, write_response
from pymode.http.client import Response

BASE = "https://api.test/v4"


def read_head(headers: dict[str, str], base_url: str = BASE) -> dict[str, Any]:
    head: dict[str, Any] = json.loads(
        write_response(Response(200, headers, b""), base_url=base_url).partition("\n")[0]
    )
    return head


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ('<https://api.test/v4/x?page=2>; rel="next"', '</x?page=2>; rel="next"'),
        (
            '<https://api.test/v4/a>; rel="prev", <https://api.test/v4/b>; rel="next"',
            '</a>; rel="prev", </b>; rel="next"',
        ),
        ('</v4/x?page=2>; rel="next"', '</v4/x?page=2>; rel="next"'),
        ('<https://api.test/v40/x>; rel="next"', '<https://api.test/v40/x>; rel="next"'),
        ('<https://evil.test/v4/x>; rel="next"', '<https://evil.test/v4/x>; rel="next"'),
        ("<https://api.test/v4>; rel=first", "<https://api.test/v4>; rel=first"),
    ],
)
def test_links_below_the_base_are_written_as_paths(link: str, shown: str) -> None:
    assert read_head({"link": link})["link"] == shown
    assert read_head({"link": link}, base_url="")["link"] == link


def test_a_long_link_is_whole_or_left_out() -> None:
    link = f'</x?cursor={"c" * 5000}>; rel="next"'
    assert read_head({"link": link})["link"] == link
    assert "link" not in read_head({"link": "x" * (MAX_LINK_CHARS + 1)})


def test_a_date_to_retry_after_becomes_seconds() -> None:
    date = "Wed, 21 Oct 2026 07:28:00 GMT"
    earlier = "Wed, 21 Oct 2026 07:27:20 GMT"
    assert read_head({"retry-after": date, "date": earlier})["retry_after"] == "40"
    assert read_head({"retry-after": "1.2"})["retry_after"] == "2"
    assert read_head({"retry-after": "soon"})["retry_after"] == "soon"


def test_an_error_has_the_status_if_one_came() -> None:
    assert "status" not in json.loads(write_error("refused", "no"))
    assert json.loads(write_error("broken", "broke off", 201))["status"] == 201
