"""The shell: `pymode search`, `execute`, `serve`, `add`, `build`, `rules check`, `demo` and more.

Exit status: 0, or 1 when the code failed, 2 for wrong usage or settings, 3 when pymode itself
failed, 130 after Ctrl-C. The result alone goes to standard output.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from pymode.apis.identity import find_missing
from pymode.cli.add import add
from pymode.cli.approval_prompt import find_terminal
from pymode.cli.approve import approve
from pymode.cli.console import is_terminal, say, showing_progress, summarize
from pymode.cli.gateway import (
    check_address,
    read_account,
    read_apis,
    read_servers,
    read_tokens,
)
from pymode.cli.log import log_app
from pymode.cli.options import with_settings
from pymode.cli.rules import rules_app
from pymode.cli.settings import Settings
from pymode.errors import CodeError, CodeRaised, ConfigError, PymodeError, SpecError
from pymode.http.address import ListenAddress
from pymode.namespaces import token_variable

if TYPE_CHECKING:
    from pymode.call.result import Result
    from pymode.codemode import CodeMode

CODE_FAILED, WRONG_USAGE, FAILED = 1, 2, 3

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Search a whole API and call it, with Python in a sandbox.",
)
spec_app = typer.Typer(no_args_is_help=True, help="The API documents that pymode keeps.")
app.add_typer(spec_app, name="spec")
app.add_typer(rules_app, name="rules")
app.add_typer(log_app, name="log")
app.command()(approve)
app.command()(add)

Code = Annotated[
    str,
    typer.Argument(
        metavar="CODE",
        help="An async Python function; @FILE reads it from a file, - from standard input.",
    ),
]


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


@app.command()
@with_settings
def search(settings: Settings, code: Code) -> None:
    """Run CODE over documents and descriptions of tools; print what it returns, as JSON."""
    _finish(*asyncio.run(_search(settings, read_code(code))))


@app.command()
@with_settings
def execute(settings: Settings, code: Code) -> None:
    """Run CODE against the APIs and MCP servers; print what it returns, as JSON.

    The token is that in CLOUDFLARE_API_TOKEN, or in NAME_API_TOKEN for another API.
    """
    _finish(*asyncio.run(_execute(settings, read_code(code))))


@app.command()
@with_settings
def serve(
    settings: Settings,
    http: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Serve Streamable HTTP at /mcp, not stdio."),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A further host name that HTTP clients use; repeatable."),
    ] = None,
) -> None:
    """Serve the tools search and execute over MCP, in front of APIs and MCP servers.

    Over stdio the token is that in CLOUDFLARE_API_TOKEN (NAME_API_TOKEN for another API). Over
    HTTP each request brings its own, as the header Authorization: Bearer TOKEN, or as
    NAME-API-Token: TOKEN for each of several APIs.
    """
    asyncio.run(_serve(settings, http, allow_host or []))


@app.command()
@with_settings
def build(settings: Settings) -> None:
    """Build the sandbox image now, so that the first call need not wait for it."""
    asyncio.run(_build(settings))


@spec_app.command()
def pull() -> None:
    """Fetch the official Cloudflare document; from then on `cloudflare` means that one."""
    asyncio.run(_pull())


@app.command()
def demo() -> None:
    """Show a search, an execute and a stopped loop, on a simulated API."""
    from pymode.demo import run_demo

    if not asyncio.run(run_demo()):
        raise typer.Exit(FAILED)


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


def make_code_mode(settings: Settings, *, workers: int | None = None) -> CodeMode:
    """Return a `CodeMode` made from the settings, without a token: each call brings its own."""
    from pymode.codemode import CodeMode

    return CodeMode(
        *read_apis(settings),
        mcp=read_servers(settings),
        limits=settings.limits,
        workers=settings.workers or workers,
        rules=settings.rules,
        check=settings.check,
        dry_run=settings.dry_run,
        log=settings.log_path,
        retention=settings.retention,
    )


async def _search(settings: Settings, code: str) -> tuple[Result, str]:
    tokens = read_tokens(read_apis(settings))
    async with make_code_mode(settings, workers=1) as code_mode:
        with showing_progress() as progress:
            await code_mode.prepare(progress)
        # What is kept in memory ends with the process, so no answer may name it.
        keep = settings.log_path is not None
        result = await code_mode.search(code, token=tokens, keep=keep)
        return result, await result.render(settings.max_tokens)


async def _execute(settings: Settings, code: str) -> tuple[Result, str]:
    apis = read_apis(settings)
    tokens = read_tokens(apis)
    async with make_code_mode(settings, workers=1) as code_mode:
        with showing_progress() as progress:
            await code_mode.prepare(progress)
        try:
            with find_terminal() as approver:
                result = await code_mode.execute(
                    code,
                    token=tokens,
                    account_id=read_account(settings, apis),
                    approver=approver,
                    keep=settings.log_path is not None,
                )
                return result, await result.render(settings.max_tokens)
        except CodeRaised as error:
            if missing := find_missing(apis, tokens, str(error)):
                variables = " and ".join(map(token_variable, missing))
                say(f"pymode: no API token was sent; set {variables}")
            raise


async def _serve(settings: Settings, http: str | None, allowed_hosts: list[str]) -> None:
    from pymode.server.preparation import Preparation

    address = None if http is None else ListenAddress.parse(http)
    if address:
        check_address(address, read_servers(settings))
    apis = read_apis(settings)
    code_mode = make_code_mode(settings)
    preparation = Preparation(code_mode)
    await preparation.open()
    try:
        # Importing mcp takes 1 s, in which the sandbox processes can start on another CPU.
        await asyncio.to_thread(__import__, "pymode.server")
        from pymode.server import make_server, serve_http, serve_stdio

        server = make_server(
            code_mode,
            max_tokens=settings.max_tokens,
            # The process's own credentials are for its own user; over HTTP others may call.
            token=None if address else read_tokens(apis),
            account_id=settings.account_id if address else read_account(settings, apis),
            preparation=preparation,
        )
        if address is None:
            if sys.stdin.isatty():
                say("pymode: serving MCP over stdio; a client should start this. Ctrl-C ends it.")
            await serve_stdio(server)
        else:
            await serve_http(
                server,
                address,
                allowed_hosts=allowed_hosts,
                source_bytes=settings.limits.source_bytes,
                announce=lambda url: say(f"pymode: serving {url}"),
            )
    finally:
        await preparation.aclose()


async def _build(settings: Settings) -> None:
    async with make_code_mode(settings, workers=1) as code_mode:
        with showing_progress() as progress:
            await code_mode.prepare(progress)
        names = ", ".join(api.name for api in read_apis(settings)) or "MCP servers"
        say(f"pymode: the image for {names} is ready")


async def _pull() -> None:
    from pymode.documents import pull as pull_spec

    with showing_progress() as progress:
        spec = await pull_spec(progress=progress)
    say(f"pymode: {spec.note or 'fetched'}: {spec.source}, {len(spec.raw) / 1e6:.1f} MB")


def _finish(result: Result, answer: str) -> None:
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


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its status.

    Args:
        arguments: those after the program's name; `sys.argv` if absent.
    """
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
