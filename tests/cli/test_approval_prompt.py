import asyncio
import contextlib
import os
import pty
import sys
from pathlib import Path

import pytest

from pymode.call.journal import Journal, Paused
from pymode.cli.approval_prompt import TerminalApprover, find_terminal
from pymode.errors import ApprovalError
from pymode.policy.approvals import Answer, Asked, Question

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 10


def paused(*paths):
    questions = (
        Question("POST", path, path.partition("?")[0], None, "Make", "", "writes") for path in paths
    )
    return Paused([Asked(question, question.path) for question in questions], Journal())


@pytest.fixture
def terminal():
    """Both ends of a terminal: the person's, and the program's."""
    person, program = pty.openpty()
    yield person, program
    for descriptor in (person, program):
        with contextlib.suppress(OSError):
            os.close(descriptor)


async def answer(person, program, asked, *lines):
    """Type a line after each prompt; return the answers and what was shown."""
    asking = asyncio.create_task(TerminalApprover(program).ask(asked))
    shown = b""
    for line in lines:
        while not shown.endswith(b": "):
            shown += await asyncio.to_thread(os.read, person, 10_000)
        shown += b"\n"
        os.write(person, line.encode() + b"\n")
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await asking, shown.decode()


async def test_a_person_answers_with_a_letter(terminal):
    answers, shown = await answer(*terminal, paused("/a", "/b", "/c"), "y", "NO", "maybe", "a")
    assert answers == [Answer.APPROVE, Answer.REFUSE, Answer.APPROVE_ALL]
    assert "POST /a" in shown
    assert "held by writes" in shown
    assert "Please answer y, n or a" in shown


async def test_all_of_an_operation_is_asked_once(terminal):
    answers, shown = await answer(*terminal, paused("/a?1", "/a?2", "/b"), "all", "n")
    assert answers == [Answer.APPROVE_ALL, Answer.APPROVE_ALL, Answer.REFUSE]
    assert "/a?2" not in shown


async def test_what_was_typed_before_the_question_is_no_answer(terminal):
    person, program = terminal
    os.write(person, b"y\n")
    answers, _ = await answer(person, program, paused("/a"), "n")
    assert answers == [Answer.REFUSE]


async def test_a_terminal_that_closes_approves_nothing(terminal):
    person, program = terminal
    asking = asyncio.create_task(TerminalApprover(program).ask(paused("/a")))
    await asyncio.to_thread(os.read, person, 10_000)
    os.close(person)
    with pytest.raises(ApprovalError, match="was closed"):
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asking


def test_without_a_terminal_there_is_nobody_to_ask(monkeypatch):
    with Path(os.devnull).open("w") as nowhere:
        monkeypatch.setattr(sys, "stderr", nowhere)
        with find_terminal() as found:
            assert found is None
