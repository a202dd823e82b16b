"""From the text that arrived to a syntax tree: fences, indentation, syntax errors."""

from __future__ import annotations

import ast
import re
import textwrap

from guest.rejection import Rejected, locate

FILENAME = "<code>"
"""The file name of the code in tracebacks."""

EXAMPLE = """For example:
async def main():
    return [path for path in spec["paths"] if "dns" in path]"""

# Trees are never freed, as an instance runs one call: freeing one costs time, and one that is
# 2,000 nodes deep exhausts the stack, so that the error about its depth would not come out.
_KEPT: list[ast.Module] = []

_FENCE = re.compile(r"[ \t]*(?:```+|~~~+)[ \t]*([\w+#.-]*)[ \t]*")
_PYTHON = frozenset(("", "python", "py", "python3", "py3", "python3.14", "ipython"))
_JAVASCRIPT = re.compile(
    r"=>|===|!==|&&|\|\||\bconsole\.log\b|\bfunction\b\s*\w*\s*\(|^\s*(?:const|let|var)\s+\w|"
    r"\basync\s*\(|^\s*//|\}\s*(?:else|catch)\b",
    re.MULTILINE,
)
_DEFINITION = re.compile(r"^\s*(?:async\s+)?def\s+\w", re.MULTILINE)


def parse(text: str) -> tuple[ast.Module, str]:
    """Return the tree of the code and the text that its positions refer to.

    A fence is taken off, common indentation too; lines keep the numbers they had in `text`.

    Raises:
        Rejected: of kind "syntax" or, for fences that cannot be read, "shape".
    """
    source = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if source.lstrip().startswith(("```", "~~~")):
        source = _take_fenced(source)
    source = _dedent(source)
    try:
        return _compile(source), source
    except SyntaxError as error:
        # Prose around a fence is no Python, so it is looked for only now: a fence inside a
        # string of good code is no fence.
        inner = _take_fenced(source)
        if inner == source:
            raise Rejected(describe_syntax(error, source), "syntax") from None
    inner = _dedent(inner)
    try:
        return _compile(inner), inner
    except SyntaxError as error:
        raise Rejected(describe_syntax(error, inner), "syntax") from None


def describe_syntax(error: SyntaxError, source: str) -> str:
    """Return what is wrong with the syntax and where, with a hint where one is known."""
    number, column = error.lineno or 1, (error.offset or 1) - 1
    message = locate(source, number, column, f"{type(error).__name__}: {error.msg}")
    return "\n".join(filter(None, (message, _hint(error.msg, source))))


def too_deep() -> Rejected:
    """Return the error for code that a parser or a visitor has no stack for."""
    return Rejected("the code is nested too deeply: split it into several statements", "syntax")


def _compile(source: str) -> ast.Module:
    try:
        tree = compile(source, FILENAME, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    except UnicodeEncodeError:
        message = "the code holds half a surrogate pair: send valid Unicode"
        raise Rejected(message, "syntax") from None
    except ValueError:  # CPython 3.11; later ones raise SyntaxError
        raise Rejected("the code holds a null character: remove it", "syntax") from None
    except (RecursionError, MemoryError):
        raise too_deep() from None
    assert isinstance(tree, ast.Module)  # noqa: S101 - what PyCF_ONLY_AST gives for "exec"
    _KEPT.append(tree)
    return tree


def _take_fenced(source: str) -> str:
    """Return the source with everything outside its one fenced block blanked."""
    lines = source.split("\n")
    fences = [(i, m[1].lower()) for i, line in enumerate(lines) if (m := _FENCE.fullmatch(line))]
    if not fences:
        return source
    first, language = fences[0]
    if language not in _PYTHON:
        message = f"the code is fenced as `{language}`: write Python. {EXAMPLE}"
        raise Rejected(message, "shape")
    opened = sum(1 for _, name in fences if name)
    if opened > 1 or len(fences) > 3:
        raise Rejected("there are several fenced blocks: send one block of Python", "shape")
    last = fences[-1][0] if len(fences) > 1 else len(lines)
    return "\n".join(line if first < i < last else "" for i, line in enumerate(lines))


def _dedent(source: str) -> str:
    if source[:1] not in (" ", "\t", "\n"):
        return source
    lead = re.match(r"(?:[ \t]*\n)*([ \t]+)", source)
    return textwrap.dedent(source) if lead else source


def _hint(message: str, source: str) -> str:
    if _JAVASCRIPT.search(source) and not _DEFINITION.search(source):
        return f"This looks like JavaScript; write Python. {EXAMPLE}"
    if "\n" not in source.strip() and "\\n" in source:
        return "The code holds a backslash and an n where line breaks belong."
    if "await" in message and "outside async function" in message:
        return "Make the function around it `async def`, and `await` it where it is called."
    if message.startswith("unterminated"):
        return "Check the quotes; text over several lines needs triple quotes."
    return ""
