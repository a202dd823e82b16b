"""Lines before the code of a model do not show in its errors."""

from __future__ import annotations

import pytest

from pymode.adapters.prelude import is_before, name_calls, put_before, renumber_lines

PRELUDE = "a = 1; b = 2\nc = 3\n"


def test_lines_stand_before_the_code() -> None:
    assert put_before(PRELUDE, "return a") == (f"{PRELUDE}return a", 2)


def test_indented_code_joins_lines_that_are_not() -> None:
    assert put_before(PRELUDE, "  x = a\n  return x") == (f"{PRELUDE}x = a\nreturn x", 2)


@pytest.mark.parametrize("fence", ["```python\n", "\n```\n", "~~~py\n"])
def test_lines_go_into_a_fence(fence: str) -> None:
    text, _ = put_before(PRELUDE, f"{fence}return a\n```")
    assert text == f"{fence}{PRELUDE}return a\n```"


@pytest.mark.parametrize(
    ("told", "counted"),
    [
        ("line 3, column 5: no", "line 1, column 5: no"),
        (
            "E: x\n  line 4, in main: f()\n  line 3: g()",
            "E: x\n  line 2, in main: f()\n  line 1: g()",
        ),
        ("E: x\n  line 5: f()\n  line 2, in call: g()", "E: x\n  line 3: f()"),
        ("E\n  | F\n  |   line 3: f()", "E\n  | F\n  |   line 1: f()"),
    ],
)
def test_errors_count_the_lines_of_the_code(told: str, counted: str) -> None:
    assert renumber_lines(told, 2) == counted


def test_other_lines_of_an_error_stay() -> None:
    message = "JSONDecodeError: Expecting value: line 1 column 1 (char 0)\nthe line 1 of it"
    assert renumber_lines(message, 2) == message


def test_an_error_before_the_code_is_told_from_one_in_it() -> None:
    assert is_before("line 2, column 1: no", 2)
    assert not is_before("line 3, column 1: no", 2)
    assert not is_before("nothing is returned", 2)


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ("E\nWrites sent and answered: CALL /t/load 200.", "E"),
        (
            "E\nWrites sent and answered: CALL /t/load 200; CALL /t/call 500 (2 times).",
            "E\nWrites sent and answered: a tool 500 (2 times).",
        ),
        (
            "E\nSent without an answer, may have taken effect: CALL /t/keep. Reads: 1 got 200.",
            "E Reads: 1 got 200.",
        ),
        (
            "E\nWrites sent and answered: POST /zones 200.",
            "E\nWrites sent and answered: POST /zones 200.",
        ),
    ],
)
def test_calls_of_the_lines_themselves_are_left_out(told: str, named: str) -> None:
    assert name_calls(told, "t") == named
