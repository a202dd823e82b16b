"""The CODE argument of `search` and `execute`, and what is printed of their result."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pymode.cli.console import is_terminal, say, summarize
from pymode.errors import ConfigError

if TYPE_CHECKING:
    from pymode.call.result import Result

Code = Annotated[
    str,
    typer.Argument(
        metavar="CODE",
        help="An async Python function; @FILE reads it from a file, - from standard input.",
    ),
]


def read_code(text: str) -> str:
    """Return the code of an argument: the text itself, `@FILE`, or `-` for standard input.

    Raises:
        ConfigError: the file cannot be read, or it is not UTF-8.
    """
    # A decorator starts with @ too, but has its function on the next line.
    is_file = text.startswith("@") and "\n" not in text
    if not is_file and text != "-":
        return text
    try:
        data = Path(text[1:]).read_bytes() if is_file else sys.stdin.buffer.read()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot read {text[1:]}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"the code is not UTF-8: byte {error.start} is not a character") from None


def print_result(result: Result, answer: str) -> None:
    """Write the answer to standard output, and everything else to standard error."""
    if result.logs:
        say(result.logs.rstrip("\n"))
    for note in result.notes:
        say(f"note: {note}")
    for write in result.planned:
        say(f"dry run, not sent: {write.method} {write.path} {write.body}".rstrip())
    if is_terminal():
        say(summarize(result))
    # JSON is UTF-8, whatever the locale.
    line = answer.encode() + b"\n"
    try:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Whoever read the result has seen enough; Python must not flush the rest at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
