"""The line that says which requests were sent and which were answered."""

from __future__ import annotations

from pymode.actions.sent import SentRequest, describe_sent


def sent(method: str, path: str, status: int | None = 200, **more: bool) -> SentRequest:
    return SentRequest(method, path, status, 0.1, **more)


def test_no_request_is_said_in_words() -> None:
    assert describe_sent([]) == "No request was sent."


def test_reads_are_counted_and_the_absence_of_writes_is_said() -> None:
    requests = [sent("GET", f"/zones/{n}") for n in range(12)]
    requests += [sent("GET", "/x", 404), sent("HEAD", "/y", None), sent("GET", "/z", None)]
    line = describe_sent(requests)
    assert line == "No write was sent. Reads: 12 got 200, 1 got 404, 2 without an answer."


def test_writes_without_an_answer_come_first_and_are_named() -> None:
    line = describe_sent(
        [
            sent("GET", "/zones"),
            sent("POST", "/zones/x/dns_records", 200),
            sent("DELETE", "/zones/x", 404),
            sent("PATCH", "/zones/x", None),
            sent("PUT", "/zones/y", None, arrived=False),
        ]
    )
    assert line == (
        "Sent without an answer, may have taken effect: PATCH /zones/x."
        " Writes sent and answered: POST /zones/x/dns_records 200; DELETE /zones/x 404."
        " Not sent: PUT /zones/y. Reads: 1 got 200."
    )


def test_equal_writes_are_counted_and_different_answers_kept_apart() -> None:
    line = describe_sent([sent("POST", "/x"), sent("POST", "/x"), sent("POST", "/x", 503)])
    assert line == "Writes sent and answered: POST /x 200 (2 times); POST /x 503."


def test_a_post_that_only_reads_is_counted_as_a_read() -> None:
    assert describe_sent([sent("POST", "/graphql", write=False)]).endswith("Reads: 1 got 200.")


def test_a_read_that_never_left_is_counted_as_such() -> None:
    line = describe_sent([sent("GET", "/x", None, arrived=False)])
    assert line == "No write was sent. Reads: 1 not sent."


def test_the_line_stays_short_and_no_write_goes_uncounted() -> None:
    requests = [sent("POST", f"/{n}/" + "p" * 400, None) for n in range(50)]
    requests += [sent("PUT", f"/{n}/" + "p" * 400) for n in range(80)]
    requests += [sent("DELETE", f"/{n}/" + "p" * 400, None, arrived=False) for n in range(30)]
    requests += [sent("GET", "/x", status) for status in range(400, 430)]
    line = describe_sent(requests)
    assert len(line) < 1200
    assert line.startswith("Sent without an answer, may have taken effect: POST /0/ppp")
    assert "and 46 more" in line
    assert "and 79 more (79 got 200)" in line
    assert "and 29 more." in line
    assert line.endswith("1 got 405, 24 got others.")
