"""Steps of a code agent run in the sandbox, one after the other, as if in one interpreter."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

from pymode.adapters.smolagents import SandboxExecutor
from pymode.errors import ConfigError


def double(number: int) -> int:
    if number > 1000:
        raise ValueError(f"{number} is too large")
    return 2 * number


@pytest.fixture(scope="module")
def opened(user_folders: object) -> Iterator[SandboxExecutor]:
    with SandboxExecutor() as executor:
        yield executor


@pytest.fixture
def executor(opened: SandboxExecutor) -> SandboxExecutor:
    """Give the executor without what earlier tests left."""
    opened.forget()
    opened.send_tools({"double": double, "final_answer": lambda answer: answer})
    return opened


def step(executor: SandboxExecutor, code: str) -> Any:
    return executor(textwrap.dedent(code).strip("\n"))


def test_the_last_line_is_the_output(executor: SandboxExecutor) -> None:
    assert step(executor, "x = 20\nx + double(number=1)").output == 22
    assert step(executor, "y = x").output == 20
    assert step(executor, "print(y)").output is None


def test_what_is_printed_is_in_the_logs(executor: SandboxExecutor) -> None:
    assert step(executor, "print('a')\nprint('b')").logs == "a\nb\n"


def test_plain_data_definitions_and_imports_are_there_in_later_steps(
    executor: SandboxExecutor,
) -> None:
    step(
        executor,
        """
        import re
        from collections import (
            Counter,
        )
        from datetime import date as day

        def squares(n):
            def square(i):
                return i * i
            return [square(i) for i in range(n)]

        class Point:
            def __init__(self, x):
                self.x = x

        async def wait(n):
            return n

        triple = lambda n: 3 * n
        pair, keyed, when = (1, {2}), {3: b"four"}, day(2025, 1, 2)
        counts = Counter("aab")
        """,
    )
    for _ in range(2):
        found = step(
            executor,
            """
            assert pair == (1, {2}) and keyed == {3: b"four"} and when == day(2025, 1, 2)
            assert re.match("a", "ab") and counts.most_common(1) == [("a", 2)]
            assert triple(2) == 6 and Point(7).x == 7
            [await wait(1), squares(3)]
            """,
        )
        assert found.output == [1, [0, 1, 4]]


def test_the_model_is_told_what_is_not_kept(executor: SandboxExecutor) -> None:
    logs = step(executor, "import re\npattern = re.compile('a')\nx = 1").logs
    assert logs == "Not kept for the next step: pattern (Pattern)\n"


def test_nothing_is_kept_of_a_step_that_fails(executor: SandboxExecutor) -> None:
    with pytest.raises(ValueError, match=r"division by zero\n  line 2: 1 / 0$"):
        step(executor, "x = 1\n1 / 0")
    with pytest.raises(ValueError, match=r"name 'x' is not defined\n  line 1: x$"):
        step(executor, "x")


def test_what_was_printed_before_an_error_is_where_smolagents_looks(
    executor: SandboxExecutor,
) -> None:
    with pytest.raises(ValueError, match="line 2"):
        step(executor, "print('before')\nraise KeyError")
    assert executor.state["_print_outputs"] == "before\n"


def test_code_that_is_refused_shows_the_line_as_it_was_written(executor: SandboxExecutor) -> None:
    with pytest.raises(ValueError, match=r"^line 2, column 1: `open` .*\n  open\('x'\)\n  \^"):
        step(executor, "x = 1\nopen('x')")


def test_a_tool_that_fails_raises_in_the_code(executor: SandboxExecutor) -> None:
    code = "try:\n    double(5000)\nexcept Exception as error:\n    told = str(error)\ntold"
    assert step(executor, code).output == "ValueError: 5000 is too large"
    with pytest.raises(ValueError, match="5000 is too large\n  line 1: double"):
        step(executor, "double(5000)")


def test_a_final_answer_ends_the_step(executor: SandboxExecutor) -> None:
    ended = step(executor, "print('so')\nfinal_answer([double(1)])\nprint('never')")
    assert (ended.output, ended.logs, ended.is_final_answer) == ([2], "so\n", True)
    assert not step(executor, "1").is_final_answer


def test_variables_of_the_agent_are_in_scope(executor: SandboxExecutor) -> None:
    executor.send_variables({"given": {"a": (1, 2)}})
    assert step(executor, "given['a'] == (1, 2)").output is True
    with pytest.raises(ConfigError, match="the variable 'image' cannot be sent"):
        executor.send_variables({"image": object()})


def test_names_of_the_sandbox_itself_can_be_variables(executor: SandboxExecutor) -> None:
    step(executor, "results = [1]\nstate = {'a': 1}\ntools = specs = 2\nstep_host = 3")
    assert step(executor, "[results, state, tools, specs]").output == [[1], {"a": 1}, 2, 2]


def test_a_definition_that_cannot_be_copied_stops_no_later_step(executor: SandboxExecutor) -> None:
    step(executor, 'def f():\n    """Text\nfor: the margin"""\nx = 1')
    assert step(executor, "x + 1").output == 2


def test_a_dry_run_keeps_variables_and_calls_no_tool_of_the_agent() -> None:
    called: list[int] = []
    with SandboxExecutor(dry_run=True) as executor:
        executor.send_tools({"note": called.append})
        step(executor, "x = 1\nnote(x)")
        assert step(executor, "x + 1").output == 2
    assert called == []


def test_a_second_clean_up_does_nothing() -> None:
    executor = SandboxExecutor()
    executor.cleanup()
    executor.cleanup()
