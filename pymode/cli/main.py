"""The shell: puts the commands together, and turns errors into exit statuses.

Exit status: 0, or 1 when the code failed, 2 for wrong usage or settings, 3 when pymode itself
failed, 130 after Ctrl-C, 143 after SIGTERM. The result alone goes to standard output.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from types import FrameType
from typing import Annotated, NoReturn

import typer

from pymode.cli.add import add
from pymode.cli.approve import approve
from pymode.cli.build import build
from pymode.cli.console import say
from pymode.cli.demo import demo
from pymode.cli.execute import execute
from pymode.cli.log import log_app
from pymode.cli.rules import rules_app
from pymode.cli.search import search
from pymode.cli.serve import serve
from pymode.cli.spec import spec_app
from pymode.cli.status import CODE_FAILED, FAILED, WRONG_USAGE
from pymode.errors import CodeError, ConfigError, PymodeError, SpecError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Search a whole API and call it, with Python in a sandbox.",
)
app.add_typer(spec_app, name="spec")
app.add_typer(rules_app, name="rules")
app.add_typer(log_app, name="log")
# In the order of the help.
for _command in (approve, add, search, execute, serve, build, demo):
    app.command()(_command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pymode {version('pymode')}")
        raise typer.Exit


@app.callback()
def _main(
    _: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="pymode: %(levelname)s: %(message)s"
    )


def _terminate(number: int, _: FrameType | None) -> NoReturn:
    """End as after Ctrl-C: processes that were started end, and no half files are left."""
    sys.exit(128 + number)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its status.

    Args:
        arguments: those after the program's name; `sys.argv` if absent.
    """
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app(arguments, prog_name="pymode")
        status = 0
    except CodeError as error:
        if error.logs:
            say(error.logs.rstrip("\n"))
        say(str(error))
        status = CODE_FAILED
    except PymodeError as error:
        say(f"pymode: {error}")
        status = WRONG_USAGE if isinstance(error, (ConfigError, SpecError)) else FAILED
    except Exception:
        logging.getLogger(__name__).exception("pymode failed inside; please report this")
        status = FAILED
    sys.exit(status)
