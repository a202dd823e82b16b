"""The two operations as plain asynchronous functions, which agent frameworks take as tools."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from pymode.answers.prompts import Facts, describe_tools
from pymode.call.answer import answer, failure
from pymode.errors import CodeError, PymodeError

if TYPE_CHECKING:
    from pymode.call.service import Service

AgentTool = Callable[[str], Awaitable[str]]

_ARGUMENTS = """

Args:
    code: the Python code."""

_log = logging.getLogger(__name__)


def make_tools(code_mode: Service, max_tokens: int) -> list[AgentTool]:
    """`search` and `execute` of a `CodeMode`, typed and described for a model.

    Both return text, also for code that failed: the model reads what is wrong and tries again.

    Args:
        code_mode: what runs the code.
        max_tokens: budget of one answer.
    """
    facts = [Facts(name, kind) for name, kind in code_mode.kinds.items()]
    prompts = describe_tools(facts, code_mode.limits, max_tokens)

    async def search(code: str) -> str:
        return await _answer(code_mode, "search", code, max_tokens)

    async def execute(code: str) -> str:
        return await _answer(code_mode, "execute", code, max_tokens)

    for function, prompt in zip((search, execute), prompts, strict=True):
        # Some frameworks join what blank lines part, and some show hints as they are written.
        function.__doc__ = prompt.description.replace("\n\n", "\n") + _ARGUMENTS
        function.__annotations__ = {"code": str, "return": str}
    return [search, execute]


async def _answer(code_mode: Service, tool: str, code: str, max_tokens: int) -> str:
    logs = ""
    try:
        run = code_mode.search if tool == "search" else code_mode.execute
        return "\n".join(await answer(await run(code), max_tokens))
    except CodeError as error:
        message, logs = str(error), error.logs
    except PymodeError as error:
        message = str(error)
        _log.warning("%s: %s", tool, error)
    return "Error: " + failure(message, logs, max_tokens)
